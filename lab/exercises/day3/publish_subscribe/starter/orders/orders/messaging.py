"""Consuming from a queue of our own: a thread that connects again for ever."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

log = logging.getLogger(__name__)

EXCHANGE = "shop.events"

_RECONNECT_AFTER = 0.5


class Consumer:
    """A thread that owns the connection and calls `handle` with the body of one message after the other.

    `handle` runs on the connection's own thread, so it must be done within a heartbeat or two.
    """

    def __init__(
        self, url: str, name: str, queue: str, types: Sequence[str], handle: Callable[[bytes], None], *, prefetch: int
    ) -> None:
        self._parameters = _parameters(url, name)
        self._queue = queue
        self._types = types
        self._handle = handle
        self._prefetch = prefetch
        self._connected = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="consumer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the event in hand; the broker gives the others to somebody else."""
        self._stopping.set()
        self._thread.join(3)

    def check(self) -> str | None:
        """For `/readyz`."""
        return None if self._connected.is_set() else "not consuming: no connection to the broker"

    def _run(self) -> None:
        """Whatever goes wrong, begin again: a consumer whose thread has died looks alive from outside and is deaf."""
        while not self._stopping.is_set():
            try:
                self._consume()
            except (AMQPError, OSError) as error:
                log.warning("not consuming: %r", error, extra={"event": "broker", "state": "lost"})
            except Exception:
                log.exception("the consumer broke down")
            self._connected.clear()
            self._stopping.wait(_RECONNECT_AFTER)

    def _consume(self) -> None:
        connection = pika.BlockingConnection(self._parameters)
        try:
            channel = connection.channel()
            self._declare(channel)
            channel.basic_qos(prefetch_count=self._prefetch)
            channel.basic_consume(self._queue, self._received)
            self._connected.set()
            log.info("consuming", extra={"event": "broker", "state": "connected"})
            # The broker ends the subscription if somebody deletes the queue: then we declare it anew.
            while channel.is_open and channel.consumer_tags and not self._stopping.is_set():
                connection.process_data_events(time_limit=0.2)
        finally:
            with suppress(AMQPError, OSError):
                connection.close()

    def _declare(self, channel: BlockingChannel) -> None:
        """The exchange, our queue and its bindings; done again on every connection, because the broker may have lost
        them in the meantime."""
        channel.exchange_declare(EXCHANGE, "topic", durable=True)
        # TODO: a queue that outlives us, bound to what we want to hear
        raise NotImplementedError

    def _received(self, channel: BlockingChannel, method: Any, _properties: pika.BasicProperties, body: bytes) -> None:
        # TODO: call `handle`, then acknowledge. And if it fails? If the body cannot be read?
        raise NotImplementedError


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
