"""A connection to the broker for publishing, with the broker's confirm as the proof that it has the event."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

import pika
from pika.exceptions import AMQPError

from .events import CONTENT_TYPE, Event

EXCHANGE = "shop.events"
CONFIRM = 3.0
"""Seconds that a confirm may take."""


class NotConfirmed(AMQPError):
    """No confirm came in time: whether the broker has the event, nobody knows."""


class Publisher:
    """Belongs to the one thread that opened it, for pika's connections are not thread-safe. Every method raises pika's
    AMQPError when the broker is gone: then close this one and open another."""

    def __init__(self, url: str, name: str) -> None:
        self._connection = pika.BlockingConnection(_parameters(url, name))
        self._channel = self._connection.channel()
        self._channel.exchange_declare(EXCHANGE, "topic", durable=True)
        self._channel.confirm_delivery()

    def publish(self, event: Event) -> None:
        """Return when the broker has confirmed that it has the event.

        The routing key is what happened, not who should hear of it: the exchange gives a copy to every queue that is
        bound to it. That may be no queue at all, and that is not the publisher's business either.
        """
        properties = pika.BasicProperties(
            content_type=CONTENT_TYPE,
            delivery_mode=pika.DeliveryMode.Persistent,
            message_id=event.id,
            correlation_id=event.correlationid,
        )
        with self._in_time():
            self._channel.basic_publish(EXCHANGE, event.type, event.model_dump_json().encode(), properties)

    def idle(self, seconds: float) -> None:
        """Wait without letting the connection die: heartbeats are answered only while pika is at work."""
        self._connection.process_data_events(time_limit=seconds)

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        """pika would wait for a confirm for ever. Only its inner event loop can break that off."""
        loop = self._connection._impl.ioloop
        alarm = loop.call_later(CONFIRM, _too_late)
        try:
            yield
        finally:
            loop.remove_timeout(alarm)

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(AMQPError, OSError):
            self._connection.close()


def _too_late() -> None:
    raise NotConfirmed(f"no confirm within {CONFIRM:g} s")


def _parameters(url: str, name: str) -> pika.URLParameters:
    """How to connect, with an end to every wait; what the URL says itself (`?heartbeat=10`) goes first."""
    found = pika.URLParameters(url)
    if "heartbeat=" not in url:
        found.heartbeat = 5  # the broker's own proposal is a minute: that long a dead connection would look alive
    found.blocked_connection_timeout = 10
    found.socket_timeout = 3
    found.stack_timeout = 5
    found.client_properties = {"connection_name": name}
    return found
