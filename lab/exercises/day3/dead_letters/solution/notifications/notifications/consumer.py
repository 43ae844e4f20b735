"""Consuming so that nothing is lost and nothing blocks: what failed is tried later, what cannot succeed is parked."""

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
from notifications.mailer import Refused
from notifications.patience import in_time
from notifications.queues import Message, Queues

log = logging.getLogger(__name__)

_RECONNECT_AFTER = 0.3
_CONFIRM = 5.0
"""Seconds that the broker may take to confirm a move."""
_LAST_WORK = 5.0
"""Seconds that a stop waits for what is in hand."""


_Settle = Callable[[BlockingChannel, Message], None]


@dataclass(frozen=True)
class _Job:
    """A message in hand, and the connection over which it must be answered."""

    connection: pika.BlockingConnection
    channel: BlockingChannel
    message: Message


class Consumer:
    """One thread owns the connection: it takes messages in, acknowledges, and answers heartbeats whatever the work
    takes. As many workers as messages may be in hand call `handle`, several at the same time.

    An event is acknowledged when `handle` has returned. If that raises Unreadable or Refused, no repetition can help,
    and the event is parked; after anything else it is tried again later, `max_deliveries` times in all.
    """

    def __init__(
        self, url: str, queues: Queues, handle: Callable[[Event], None], *, prefetch: int, max_deliveries: int
    ) -> None:
        self._parameters = parameters(url)
        self._queues = queues
        self._handle = handle
        self._prefetch = prefetch
        self._max_deliveries = max_deliveries
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
            self._queues.declare(channel)
            channel.confirm_delivery()
            channel.basic_qos(prefetch_count=self._prefetch)
            self._in_hand = 0  # what was in hand on the last connection is delivered again
            consumer = channel.basic_consume(self._queues.main, partial(self._received, connection))
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

    def _received(
        self,
        connection: pika.BlockingConnection,
        channel: BlockingChannel,
        method: Any,
        properties: pika.BasicProperties,
        body: bytes,
    ) -> None:
        self._in_hand += 1
        self._jobs.put(_Job(connection, channel, Message(method.delivery_tag, body, properties)))

    def _settle(self, job: _Job, settle: _Settle) -> None:
        if job.channel.is_open:
            with in_time(job.connection, _CONFIRM):
                settle(job.channel, job.message)
            self._in_hand -= 1

    # -- the workers

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if job.connection.is_open:  # else it is delivered again, perhaps to somebody else
                settle = self._outcome(job.message)
                with suppress(AMQPError):  # the connection has ended meanwhile: the same
                    job.connection.add_callback_threadsafe(partial(self._settle, job, settle))

    def _outcome(self, message: Message) -> _Settle:
        """Do the work, and say what becomes of the message then. That is done by the thread that owns the
        connection."""
        try:
            event = parse(message.body)
            with correlated(event.correlationid):
                self._handle(event)
        except (Unreadable, Refused) as error:
            log.error("parked: %s", error, extra={"event": "parked"})
            return partial(self._queues.park, error=str(error))
        except Exception as error:
            if message.attempts + 1 >= self._max_deliveries:
                log.error("parked after %d attempts: %r", self._max_deliveries, error, extra={"event": "parked"})
                return partial(self._queues.park, error=repr(error))
            log.warning("tried again later: %r", error)
            return self._queues.try_later
        return _acknowledge


def _acknowledge(channel: BlockingChannel, message: Message) -> None:
    channel.basic_ack(message.tag)


def parameters(url: str) -> pika.URLParameters:
    """How to connect, with an end to every wait."""
    found = pika.URLParameters(url)
    found.socket_timeout = 3
    found.stack_timeout = 5
    found.blocked_connection_timeout = 10
    return found
