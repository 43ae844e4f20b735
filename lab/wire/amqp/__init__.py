"""AMQP 0-9-1 on a tap."""
