"""The embedded AMQP 0-9-1 broker: a single node on loopback that behaves like RabbitMQ, for learning and for tests.

`python -m lab.engines.amqp --port P --data DIR` runs it. The core is sans-IO: `connection.Connection` takes bytes and
gives bytes, `broker.Broker` holds what connections share; only `server` knows asyncio.
"""
