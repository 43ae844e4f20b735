"""Publishing to RabbitMQ from any thread, with the broker's confirm as the result.

One thread owns the connection, for a pika connection may be used by one thread only. Others hand it messages through a
queue and get a Future. Two choices need their reasons:

- pika's *asynchronous* connection: the blocking one waits for a confirm without any limit, so one lost confirm on a
  connection that is otherwise alive would stop all publishing for good.
- `mandatory`: without it the broker confirms a message that no queue wanted, and drops it.
"""

from __future__ import annotations

import logging
import threading
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

import pika
from pika.adapters.select_connection import IOLoop
from pika.exceptions import AMQPError
from pika.spec import Basic

from lab.chassis import metrics
from lab.chassis.broker import Confirmed, NotPublished, Outgoing, Unroutable
from lab.chassis.connection import backoff, parameters
from lab.chassis.events import CONTENT_TYPE
from lab.chassis.topology import EXCHANGE

log = logging.getLogger(__name__)


class Publisher:
    """Keeps a connection for publishing; reconnects by itself until it is stopped."""

    def __init__(self, url: str, name: str) -> None:
        self._parameters = parameters(url, f"{name} publisher")
        self._waiting: SimpleQueue[tuple[Outgoing, Confirmed]] = SimpleQueue()
        self._unconfirmed: dict[int, tuple[Outgoing, Confirmed]] = {}
        self._returned: set[str] = set()
        self._last_tag = 0
        self._failures = 0
        self._stopping = threading.Event()
        self._lock = threading.Lock()  # guards _loop: it must not be closed while another thread wakes it
        self._loop: IOLoop | None = None
        self._connection: pika.SelectConnection | None = None
        self._channel: Any = None
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Close the connection; what is not confirmed by then fails."""
        self._stopping.set()
        self._wake(self._close)
        if self._thread.is_alive():
            self._thread.join(2)

    @property
    def connected(self) -> bool:
        return self._channel is not None

    def check(self) -> str | None:
        """For `/readyz`."""
        return None if self.connected else "no connection for publishing"

    def publish(self, message: Outgoing) -> Confirmed:
        """Hand a message over. The future is done when the broker has confirmed it, or fails with NotPublished.

        A confirm may never come: wait for the future with a timeout, and publish again with the same `message_id`.
        """
        future = Confirmed()
        if self.connected:
            self._waiting.put((message, future))
            self._wake(self._send_waiting)
        else:
            _settle(future, NotPublished("no connection to the broker"))
        return future

    # -- the owner's thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._live_once()
            except Exception:
                log.exception("the publisher's connection broke down")
            self._failures += 1
            self._stopping.wait(backoff(self._failures))

    def _live_once(self) -> None:
        """One connection, from the attempt to connect until it is closed."""
        loop = IOLoop()
        with self._lock:
            self._loop = loop
        try:
            self._connection = pika.SelectConnection(
                self._parameters,
                on_open_callback=self._on_open,
                on_open_error_callback=lambda _, error: self._on_end(loop, error),
                on_close_callback=lambda _, error: self._on_end(loop, error),
                custom_ioloop=loop,
            )
            loop.start()
        finally:
            with self._lock:
                self._loop = None
            loop.close()
            self._fail_all()

    def _on_open(self, connection: Any) -> None:
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Any) -> None:
        # A channel that the broker closed (say, the exchange is gone) is no use: begin again from the connection.
        channel.add_on_close_callback(lambda _, error: self._close(str(error)))
        channel.add_on_return_callback(self._on_return)
        channel.exchange_declare(EXCHANGE, "topic", durable=True, callback=lambda _: self._confirm_mode(channel))

    def _confirm_mode(self, channel: Any) -> None:
        channel.confirm_delivery(self._on_confirm, callback=lambda _: self._on_ready(channel))

    def _on_ready(self, channel: Any) -> None:
        self._last_tag = self._failures = 0
        self._channel = channel
        log.info("connected for publishing", extra={"event": "broker", "state": "connected"})
        self._send_waiting()

    def _send_waiting(self) -> None:
        while self._channel is not None:
            try:
                message, future = self._waiting.get_nowait()
            except Empty:
                return
            self._last_tag += 1
            self._unconfirmed[self._last_tag] = (message, future)
            self._channel.basic_publish(
                message.exchange, message.routing_key, message.body, _properties(message), mandatory=True
            )

    def _on_return(self, _channel: Any, _method: Any, properties: pika.BasicProperties, _body: bytes) -> None:
        """The broker gives a message back that it has no queue for; its confirm follows."""
        self._returned.add(properties.message_id or "")

    def _on_confirm(self, frame: Any) -> None:
        method = frame.method
        tags = [method.delivery_tag]
        if method.multiple:
            tags = [tag for tag in self._unconfirmed if tag <= method.delivery_tag or method.delivery_tag == 0]
        for tag in tags:
            message, future = self._unconfirmed.pop(tag, (None, None))
            if message is None or future is None:
                continue
            if not isinstance(method, Basic.Ack):
                _settle(future, NotPublished("the broker refused it"))
            elif message.message_id in self._returned:
                self._returned.discard(message.message_id)
                _settle(future, Unroutable(f"no queue for {message.routing_key}"))
            else:
                _settle(future, None)

    def _close(self, reason: str = "stopping") -> None:
        self._channel = None
        connection = self._connection
        if connection is not None and not (connection.is_closing or connection.is_closed):
            try:
                connection.close(200, reason)
            except AMQPError:  # it is still being opened: then its own timeouts end it
                connection.ioloop.stop()

    def _on_end(self, loop: IOLoop, error: Any) -> None:
        if not self._stopping.is_set() and (self.connected or self._failures == 0):
            log.warning("connection for publishing lost: %s", error, extra={"event": "broker", "state": "lost"})
        self._channel = None
        loop.stop()

    def _fail_all(self) -> None:
        self._channel = None
        unconfirmed, self._unconfirmed = self._unconfirmed, {}
        self._returned.clear()
        futures = [future for _, future in unconfirmed.values()]
        while True:
            try:
                futures.append(self._waiting.get_nowait()[1])
            except Empty:
                break
        for future in futures:
            _settle(future, NotPublished("the connection was lost before the confirm"))

    # -- any thread --------------------------------------------------------------------------------------------------

    def _wake(self, callback: Any) -> None:
        with self._lock:
            if self._loop is not None:
                self._loop.add_callback_threadsafe(partial(callback))


def _properties(message: Outgoing) -> pika.BasicProperties:
    return pika.BasicProperties(
        content_type=CONTENT_TYPE,
        delivery_mode=2,
        message_id=message.message_id or None,
        correlation_id=message.correlation_id or None,
        headers=dict(message.headers) or None,
    )


def _settle(future: Confirmed, error: NotPublished | None) -> None:
    if error is None:
        metrics.PUBLISHED.labels("confirmed").inc()
        future.set_result(None)
    else:
        metrics.PUBLISHED.labels(type(error).__name__).inc()
        future.set_exception(error)
