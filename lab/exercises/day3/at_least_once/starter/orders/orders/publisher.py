"""Publishing as the tutorial shows it: it works as long as nothing goes wrong."""

from __future__ import annotations

import pika

from orders.events import CONTENT_TYPE, Event

EXCHANGE = "shop.events"


class NotConfirmed(Exception):
    """The broker has not said that it has the event."""


class Publisher:
    def __init__(self, url: str, confirm_timeout: float) -> None:
        self._url = url
        self._confirm_timeout = confirm_timeout

    def start(self) -> None:
        # TODO: a connection belongs to one thread, needs somebody who answers heartbeats, and may end at any moment.
        self._connection = pika.BlockingConnection(pika.URLParameters(self._url))
        self._channel = self._connection.channel()
        self._channel.exchange_declare(EXCHANGE, "topic", durable=True)

    def stop(self) -> None:
        self._connection.close()

    def check(self) -> str | None:
        """For `/readyz`."""
        return None if self._connection.is_open else "not connected to the broker"

    def publish(self, event: Event) -> None:
        """Hand the event to the broker. Raises NotConfirmed."""
        # TODO: this returns when the event is in a buffer of our own machine. Who says that the broker has it?
        properties = pika.BasicProperties(
            content_type=CONTENT_TYPE, message_id=event.id, correlation_id=event.correlationid
        )
        self._channel.basic_publish(EXCHANGE, event.type, event.model_dump_json().encode(), properties)
