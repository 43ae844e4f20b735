"""Where records go that cannot be read: a topic of their own, for somebody to look at."""

from __future__ import annotations

from confluent_kafka import KafkaError, Message, Producer

TOPIC = "shop.orders.dlt"
CONFIRM = 5.0
"""Seconds; the client itself gives a record up before that."""


class DeadLetters:
    def __init__(self, bootstrap: str) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "client.id": "projections",
                "enable.idempotence": True,
                "delivery.timeout.ms": 4_000,
                "log_level": 2,
            }
        )

    def park(self, record: Message) -> bool:
        """Store the record as it came. Whether the brokers have it; until they do, it must not be committed."""
        told: list[KafkaError | None] = []

        def on_delivery(error: KafkaError | None, _: Message) -> None:
            told.append(error)

        self._producer.produce(
            TOPIC, record.value(), key=record.key(), headers=record.headers(), on_delivery=on_delivery
        )
        self._producer.flush(CONFIRM)
        return told == [None]
