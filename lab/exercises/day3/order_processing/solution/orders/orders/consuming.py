"""Consuming from a queue of our own: acknowledge last, reconnect for ever, park what cannot be read.

    shop.events ──▶ <queue> ──▶ us ──unreadable──▶ <queue>.dlq
                       ▲         └──failed──▶ <queue>.retry.<ms> ──┐
                       └──────────────── after <ms> ───────────────┘

What failed waits in the broker, and whoever is behind it does not.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

from lab.chassis.ids import correlated

from .events import Event, Unreadable, parse
from .patience import in_time

log = logging.getLogger(__name__)

EXCHANGE = "shop.events"

_RECONNECT_AFTER = 0.5
_CONFIRM = 3.0
"""Seconds that the broker may take to confirm that it has what is to be tried again."""


class Consumer:
    """A thread that owns the connection and calls `handle` with one event after the other.

    `handle` runs on the connection's own thread, so it must be done within a heartbeat or two. It may meet an event
    more than once. If it raises, the event comes again after `retry_delay_ms`, as often as it takes: a technical
    failure is a delay. Unreadable puts it aside in `<queue>.dlq`.
    """

    def __init__(
        self,
        url: str,
        name: str,
        queue: str,
        types: Sequence[str],
        handle: Callable[[Event], None],
        *,
        prefetch: int,
        retry_delay_ms: int,
    ) -> None:
        self._parameters = _parameters(url, name)
        self._queue = queue
        self._types = types
        self._handle = handle
        self._prefetch = prefetch
        self._delay_ms = retry_delay_ms
        # Arguments of a queue cannot be changed once it is there, so another delay is another queue.
        self._retry = f"{queue}.retry.{retry_delay_ms}"
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
            channel.confirm_delivery()
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
        """Our own queue, which keeps events for us while we are away; done again on every connection, because the
        broker may have lost it in the meantime."""
        dead_letters = f"{self._queue}.dlq"
        aside = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead_letters}
        channel.exchange_declare(EXCHANGE, "topic", durable=True)
        channel.queue_declare(dead_letters, durable=True)
        channel.queue_declare(self._queue, durable=True, arguments=aside)
        back = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": self._queue, "x-message-ttl": self._delay_ms}
        channel.queue_declare(self._retry, durable=True, arguments=back)
        for kind in self._types:
            channel.queue_bind(self._queue, EXCHANGE, kind)

    def _received(self, channel: BlockingChannel, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        tag = method.delivery_tag
        try:
            event = parse(body)
            with correlated(event.correlationid):
                self._handle(event)
        except Unreadable as error:
            log.error("put aside: %s", error, extra={"event": "parked"})
            channel.basic_reject(tag, requeue=False)
        except Exception as error:
            log.warning("not handled, will come again in %d ms: %r", self._delay_ms, error)
            # Published before it is acknowledged: a crash in between makes two of one event, and never none.
            properties.delivery_mode = pika.DeliveryMode.Persistent.value
            with in_time(channel.connection, _CONFIRM):
                channel.basic_publish("", self._retry, body, properties)
            channel.basic_ack(tag)
        else:
            channel.basic_ack(tag)


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
