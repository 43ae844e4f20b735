"""Kafka's protocol, as a record."""

from __future__ import annotations

from lab.system.kinds import Protocol

PROTOCOL = Protocol(
    name="kafka",
    carries="messages",
    variable="KAFKA_BOOTSTRAP",
    session="lab.wire.kafka.session:sessions",
    op="[a-z-]*( |$)",
    example="produce shop.*",
)
