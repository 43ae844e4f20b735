"""Consuming from RabbitMQ: acknowledge last, try again later, park what cannot be handled, and never be alive but deaf.

One thread owns the connection and only moves messages; handlers run in a few workers. A handler that works on the
connection's thread longer than two heartbeats loses the connection, and its work is delivered a second time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

from lab.chassis import metrics, topology
from lab.chassis.broker import Handle, Message, Verdict
from lab.chassis.connection import backoff, parameters
from lab.chassis.topology import QueueNames

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Inlet:
    """A queue to consume from, the event types bound to it, and what handles its messages."""

    names: QueueNames
    types: Sequence[str]
    handle: Handle


class Consumer:
    """Consumes from several queues on one connection; reconnects and declares everything again until it is stopped."""

    def __init__(self, url: str, name: str, inlets: Sequence[Inlet], *, prefetch: int, workers: int) -> None:
        self._parameters = parameters(url, f"{name} consumer")
        self._inlets = inlets
        self._prefetch = prefetch
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="handler")
        self._in_hand = 0
        self._failures = 0
        self._stopping = threading.Event()
        self._connected = threading.Event()
        self._thread = threading.Thread(target=self._run, name="consumer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Take nothing new, let handlers finish and acknowledge; what takes longer is delivered again to somebody."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(3)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def check(self) -> str | None:
        """For `/readyz`."""
        return None if self._connected.is_set() else "not consuming: no connection to the broker"

    # -- the owner's thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        """Whatever goes wrong, begin again: a consumer whose thread has died looks alive from outside and is not."""
        while not self._stopping.is_set():
            try:
                self._consume()
            except (AMQPError, OSError, _ConsumingEnded) as error:
                if self._connected.is_set() or self._failures == 0:
                    log.warning("not consuming: %r", error, extra={"event": "broker", "state": "lost"})
            except Exception:
                log.exception("the consumer broke down")
            self._connected.clear()
            self._failures += 1
            self._stopping.wait(backoff(self._failures))

    def _consume(self) -> None:
        connection = pika.BlockingConnection(self._parameters)
        try:
            channel = connection.channel()
            self._subscribe(connection, channel)
            self._failures = 0
            self._connected.set()
            log.info("consuming", extra={"event": "broker", "state": "connected"})
            while not self._stopping.is_set():
                connection.process_data_events(time_limit=0.2)
                if not channel.is_open or len(channel.consumer_tags) < len(self._inlets):
                    raise _ConsumingEnded("the broker ended the subscription")
            self._finish(connection, channel)
        finally:
            self._in_hand = 0
            with suppress(AMQPError, OSError):
                connection.close()

    def _subscribe(self, connection: pika.BlockingConnection, channel: BlockingChannel) -> None:
        for inlet in self._inlets:
            topology.declare(channel, inlet.names, inlet.types)
        channel.basic_qos(prefetch_count=self._prefetch)
        for inlet in self._inlets:
            channel.basic_consume(inlet.names.queue, partial(self._received, connection, inlet))

    def _received(
        self,
        connection: pika.BlockingConnection,
        inlet: Inlet,
        channel: BlockingChannel,
        method: Any,
        properties: pika.BasicProperties,
        body: bytes,
    ) -> None:
        self._in_hand += 1
        message = Message(body, properties.message_id or "", properties.correlation_id or "", properties.headers or {})
        self._pool.submit(self._work, connection, channel, inlet, method.delivery_tag, message)

    def _tell(self, channel: BlockingChannel, tag: int, verdict: Verdict) -> None:
        self._in_hand -= 1
        if channel.is_open:
            if verdict is Verdict.ACK:
                channel.basic_ack(tag)
            else:
                channel.basic_nack(tag, requeue=True)

    def _finish(self, connection: pika.BlockingConnection, channel: BlockingChannel) -> None:
        for tag in list(channel.consumer_tags):
            channel.basic_cancel(tag)
        deadline = time.monotonic() + 2
        while self._in_hand > 0 and time.monotonic() < deadline:
            connection.process_data_events(time_limit=0.05)

    # -- a worker's thread -------------------------------------------------------------------------------------------

    def _work(
        self, connection: pika.BlockingConnection, channel: BlockingChannel, inlet: Inlet, tag: int, message: Message
    ) -> None:
        verdict = inlet.handle(message)
        metrics.CONSUMED.labels(inlet.names.queue, verdict.value).inc()
        # A delivery tag belongs to its channel: if that is gone, so is the right to acknowledge, and the broker
        # delivers the message again.
        with suppress(AMQPError):
            connection.add_callback_threadsafe(partial(self._tell, channel, tag, verdict))


class _ConsumingEnded(Exception):
    pass
