"""A producer of Kafka's, whose brokers' confirm is the proof that they have the record."""

from __future__ import annotations

from confluent_kafka import Producer

from orders.events import CONTENT_TYPE, Event

TOPIC = "shop.orders"


class NotStored(Exception):
    """Nobody knows whether the brokers have the record."""


class Log:
    """Appends events. Any thread may use it."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "client.id": "orders",
                "enable.idempotence": True,  # what the client sends again by itself is stored once
                "delivery.timeout.ms": 4_000,
                "log_level": 2,
            }
        )

    def append(self, event: Event) -> None:
        """Return when the brokers have the event. Raises NotStored."""
        # TODO: which partition does an event without a key go to, and the next event of the same order? And `produce`
        # only puts the record into the client's memory: who is told when the brokers refuse it?
        self._producer.produce(TOPIC, event.model_dump_json(), headers={"content-type": CONTENT_TYPE})

    def close(self) -> None:
        self._producer.flush(3)
