"""Publishing with the broker's word that it has the event.

One thread owns the connection. It publishes, waits for the confirm, answers heartbeats while there is nothing to do,
and connects again whenever the connection ends. Request handlers hand it their events and wait for the result.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, NackError

from orders.events import CONTENT_TYPE, Event
from orders.patience import in_time

log = logging.getLogger(__name__)

EXCHANGE = "shop.events"

_RECONNECT_AFTER = 0.3
_IDLE = 0.2
"""Seconds between two looks at the connection while there is nothing to publish: far less than a heartbeat."""

_FAREWELL = 0.5
"""Seconds that a broker may take to answer our goodbye; a dead one never does."""


class NotConfirmed(Exception):
    """The broker has not said that it has the event. It may have it all the same."""


@dataclass(frozen=True)
class _Task:
    event: Event
    until: float
    """When its client is answered, confirm or no confirm. After that nobody waits for it."""
    done: Future[None] = field(default_factory=Future)

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.until


class Publisher:
    def __init__(self, url: str, confirm_timeout: float) -> None:
        self._parameters = _parameters(url, confirm_timeout)
        self._confirm_timeout = confirm_timeout
        self._tasks: SimpleQueue[_Task] = SimpleQueue()
        self._unconfirmed: _Task | None = None
        self._connected = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(3)

    def check(self) -> str | None:
        """For `/readyz`."""
        return None if self._connected.is_set() else "not connected to the broker"

    def publish(self, event: Event) -> None:
        """Return when the broker has confirmed that it has the event. Any thread may call it. Raises NotConfirmed."""
        task = _Task(event, time.monotonic() + self._confirm_timeout)
        self._tasks.put(task)
        try:
            task.done.result(self._confirm_timeout)
        except FutureTimeout:
            raise NotConfirmed("no confirm in time") from None

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._work()
            except (AMQPError, OSError) as error:
                log.warning("no broker: %r", error, extra={"event": "broker", "state": "lost"})
            except Exception:
                log.exception("the publisher broke down")
            self._connected.clear()
            self._stopping.wait(_RECONNECT_AFTER)

    def _work(self) -> None:
        """For as long as one connection lives."""
        connection = pika.BlockingConnection(self._parameters)
        try:
            channel = connection.channel()
            channel.exchange_declare(EXCHANGE, "topic", durable=True)
            channel.confirm_delivery()
            self._connected.set()
            while not self._stopping.is_set():
                if (task := self._next()) is None:
                    connection.process_data_events(0)  # heartbeats are answered only while pika is at work
                elif not task.over:
                    with in_time(connection, self._confirm_timeout):
                        self._send(channel, task)
                    self._unconfirmed = None
        finally:
            with suppress(AMQPError, OSError), in_time(connection, _FAREWELL):
                connection.close()

    def _next(self) -> _Task | None:
        """What to publish now; first that for which the last connection has ended. Its id is the same, so whoever gets
        it twice can tell."""
        if self._unconfirmed is None:
            with suppress(Empty):
                self._unconfirmed = self._tasks.get(timeout=_IDLE)
        if self._unconfirmed is not None and self._unconfirmed.over:
            self._unconfirmed = None
        return self._unconfirmed

    def _send(self, channel: BlockingChannel, task: _Task) -> None:
        event = task.event
        properties = pika.BasicProperties(
            content_type=CONTENT_TYPE,
            delivery_mode=pika.DeliveryMode.Persistent,
            message_id=event.id,
            correlation_id=event.correlationid,
        )
        try:
            channel.basic_publish(EXCHANGE, event.type, event.model_dump_json().encode(), properties)
        except NackError:
            task.done.set_exception(NotConfirmed("the broker refused it"))
        else:
            task.done.set_result(None)


def _parameters(url: str, timeout: float) -> pika.URLParameters:
    """How to connect, with an end to every wait."""
    found = pika.URLParameters(url)
    found.socket_timeout = timeout
    found.stack_timeout = timeout
    found.blocked_connection_timeout = timeout
    return found
