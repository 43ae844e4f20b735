"""AMQP 0-9-1, as a record."""

from __future__ import annotations

from lab.system.kinds import Protocol

PROTOCOL = Protocol(
    name="amqp",
    carries="messages",
    variable="AMQP_URL",
    url="amqp://{address}",
    session="lab.wire.amqp.session:AmqpSession",
    op="[a-z-]*( |$)",
    example="publish order.*",
)
