"""Consuming so that nothing is lost: acknowledge last, work beside the connection, connect again for ever."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

from lab.chassis.ids import correlated
from notifications.events import Event, Unreadable, parse

log = logging.getLogger(__name__)

EXCHANGE = "shop.events"

_RECONNECT_AFTER = 0.3
_TRY_AGAIN_AFTER = 0.5
"""Seconds before a message that failed is given back, or a lasting problem becomes a loop at full speed."""
_LAST_WORK = 5.0
"""Seconds that a stop waits for what is in hand."""


@dataclass(frozen=True)
class _Job:
    """A message in hand, and the connection over which it must be answered."""

    connection: pika.BlockingConnection
    channel: BlockingChannel
    tag: int
    body: bytes


class Consumer:
    """One thread owns the connection: it takes messages in, acknowledges, and answers heartbeats whatever the work
    takes. As many workers as messages may be in hand call `handle`, several at the same time.

    An event is acknowledged when `handle` has returned; if it raises, the event comes again, but for Unreadable, which
    no repetition makes readable.
    """

    def __init__(self, url: str, queue: str, key: str, handle: Callable[[Event], None], *, prefetch: int) -> None:
        self._parameters = _parameters(url)
        self._queue = queue
        self._key = key
        self._handle = handle
        self._prefetch = prefetch
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._in_hand = 0
        self._connected = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="consumer", daemon=True)

    def start(self) -> None:
        for number in range(self._prefetch):
            threading.Thread(target=self._work, name=f"worker {number}", daemon=True).start()
        self._thread.start()

    def stop(self) -> None:
        """Take nothing new and finish what is in hand; what takes longer the broker gives to somebody else."""
        self._stopping.set()
        self._thread.join(_LAST_WORK + 1)

    def check(self) -> str | None:
        """For `/readyz`."""
        return None if self._connected.is_set() else "not consuming: no connection to the broker"

    # -- the thread that owns the connection

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
            self._in_hand = 0  # what was in hand on the last connection is delivered again
            consumer = channel.basic_consume(self._queue, partial(self._received, connection))
            self._connected.set()
            log.info("consuming", extra={"event": "broker", "state": "connected"})
            # The broker ends the subscription if somebody deletes the queue: then we declare it anew.
            while channel.is_open and channel.consumer_tags and not self._stopping.is_set():
                connection.process_data_events(time_limit=0.2)
            if self._stopping.is_set():
                channel.basic_cancel(consumer)
                until = time.monotonic() + _LAST_WORK
                while self._in_hand and time.monotonic() < until:
                    connection.process_data_events(time_limit=0.1)
        finally:
            with suppress(AMQPError, OSError):
                connection.close()

    def _declare(self, channel: BlockingChannel) -> None:
        """Our own queue, which keeps events for us while we are away; done again on every connection, because it may be
        gone."""
        channel.exchange_declare(EXCHANGE, "topic", durable=True)
        channel.queue_declare(self._queue, durable=True)
        channel.queue_bind(self._queue, EXCHANGE, self._key)

    def _received(
        self,
        connection: pika.BlockingConnection,
        channel: BlockingChannel,
        method: Any,
        _properties: pika.BasicProperties,
        body: bytes,
    ) -> None:
        self._in_hand += 1
        self._jobs.put(_Job(connection, channel, method.delivery_tag, body))

    def _settle(self, job: _Job, answer: Callable[..., None], **more: Any) -> None:
        if job.channel.is_open:
            answer(job.channel, job.tag, **more)
            self._in_hand -= 1

    # -- the workers

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if job.connection.is_open:  # else it is delivered again, perhaps to somebody else
                answer = self._answer_to(job.body)
                with suppress(AMQPError):  # the connection has ended meanwhile: the same
                    job.connection.add_callback_threadsafe(partial(answer, job))

    def _answer_to(self, body: bytes) -> Callable[[_Job], None]:
        """Do the work, and say how the message is to be answered then. That is done by the thread that owns the
        connection."""
        try:
            event = parse(body)
            with correlated(event.correlationid):
                self._handle(event)
        except Unreadable as error:
            log.error("set aside: %s", error, extra={"event": "parked"})
            return partial(self._settle, answer=BlockingChannel.basic_reject, requeue=False)
        except Exception:
            log.exception("not handled, will come again")
            self._stopping.wait(_TRY_AGAIN_AFTER)
            return partial(self._settle, answer=BlockingChannel.basic_nack, requeue=True)
        return partial(self._settle, answer=BlockingChannel.basic_ack)


def _parameters(url: str) -> pika.URLParameters:
    """How to connect, with an end to every wait."""
    found = pika.URLParameters(url)
    found.socket_timeout = 3
    found.stack_timeout = 5
    found.blocked_connection_timeout = 10
    return found
