"""The embedded AMQP 0-9-1 broker: a single node on loopback that behaves like RabbitMQ, for learning and for tests.

`python -m lab.engines.amqp --port P --data DIR` runs it. Two layers: `core` is what a broker is
(virtual hosts, exchanges, queues, messages, the log), `protocol` is how AMQP clients reach it (frames, connections,
channels, sockets). The core imports nothing of the protocol.
"""
