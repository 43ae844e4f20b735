"""Consuming as the tutorial shows it: it works as long as nothing goes wrong."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel

from lab.chassis.ids import correlated
from notifications.events import Event, parse

log = logging.getLogger(__name__)

EXCHANGE = "shop.events"


class Consumer:
    """A thread that calls `handle` with one event after the other."""

    def __init__(self, url: str, queue: str, key: str, handle: Callable[[Event], None], *, prefetch: int) -> None:
        self._url = url
        self._queue = queue
        self._key = key
        self._handle = handle
        self._prefetch = prefetch
        self._thread = threading.Thread(target=self._run, name="consumer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        pass  # the broker gives what we have in hand to somebody else

    def check(self) -> str | None:
        """For `/readyz`."""
        return None if self._thread.is_alive() else "not consuming"

    def _run(self) -> None:
        # TODO: when this connection ends, the thread ends, and nobody listens any more. The process looks healthy.
        connection = pika.BlockingConnection(pika.URLParameters(self._url))
        channel = connection.channel()
        channel.exchange_declare(EXCHANGE, "topic", durable=True)
        channel.queue_declare(self._queue, durable=True)
        channel.queue_bind(self._queue, EXCHANGE, self._key)
        # TODO: auto_ack means that the broker forgets a message as soon as it has sent it. And how many does it send?
        channel.basic_consume(self._queue, self._received, auto_ack=True)
        channel.start_consuming()

    def _received(
        self, _channel: BlockingChannel, _method: Any, _properties: pika.BasicProperties, body: bytes
    ) -> None:
        # TODO: while this works, nobody answers heartbeats. And what if it raises?
        event = parse(body)
        with correlated(event.correlationid):
            self._handle(event)
