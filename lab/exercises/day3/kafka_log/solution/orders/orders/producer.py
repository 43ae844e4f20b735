"""A producer of Kafka's, whose brokers' confirm is the proof that they have the record."""

from __future__ import annotations

from confluent_kafka import KafkaError, Message, Producer

from orders.events import CONTENT_TYPE, Event

TOPIC = "shop.orders"
CONFIRM = 5.0
"""Seconds; the client itself gives a record up before that."""


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
        """Return when the brokers have the event. Raises NotStored.

        The key decides the partition, and only within a partition is there an order: so it is the entity's id, never
        the event's.
        """
        told: list[KafkaError | None] = []

        def on_delivery(error: KafkaError | None, _: Message) -> None:
            told.append(error)

        self._producer.produce(
            TOPIC,
            event.model_dump_json(),
            key=event.data["order_id"],
            headers={"content-type": CONTENT_TYPE},
            on_delivery=on_delivery,
        )
        self._producer.flush(CONFIRM)  # `produce` has only queued it
        if told != [None]:
            raise NotStored(f"{event.type} {event.id}: {told or 'no confirm'}")

    def close(self) -> None:
        self._producer.flush(3)
