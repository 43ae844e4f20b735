"""Probes of AMQP behaviour that run on the embedded broker and on RabbitMQ alike, and tests of the broker's parts."""
