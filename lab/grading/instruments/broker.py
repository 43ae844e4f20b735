"""The broker as a check sees and uses it: publishing, listening, asking for queues. It goes past every tap."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec
import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import NackError, UnroutableError

from lab.grading.checking.expect import CannotTell, eventually
from lab.grading.instruments import messages
from lab.grading.instruments.broker_connection import LOCKED, NOT_FOUND, BrokerConnection, Refused
from lab.grading.instruments.broker_listener import BrokerListener, read
from lab.grading.instruments.messages import CLOUD_EVENT, EXCHANGE, PERSISTENT, Heard
from lab.journal.deliveries import Deliveries
from lab.journal.event import Flow
from lab.locale import tr

TRAFFIC = ("delivery", "ack", "nack")
"""Roles of flows that move messages. A consumer that polls an empty queue is at rest."""


class Broker:
    """Every method raises CannotTell if the broker is not there."""

    def __init__(self, url: str, flows: Callable[[], Iterable[Flow]], restart: Callable[[], None]) -> None:
        """`flows` gives what passed the taps in this check; `restart` returns when the broker is there again."""
        self._url = url
        self._flows = flows
        self._restart = restart
        self._connection = BrokerConnection(url)
        self._declared: set[str] = set()

    event = staticmethod(messages.event)

    def publish(
        self,
        event: Mapping[str, Any] | bytes | str,
        routing_key: str | None = None,
        message_id: str | None = None,
        exchange: str = EXCHANGE,
        *,
        headers: Mapping[str, Any] | None = None,
        persistent: bool = True,
        content_type: str | None = None,
    ) -> str:
        """Publish with a confirm; returns the message id.

        Routing key, ids and content type come from the event unless they are given; bytes and text need a routing key.
        With exchange "" the key is a queue's name; message_id "" means none.
        """
        attributes: Mapping[str, Any] = event if isinstance(event, Mapping) else {}
        key = routing_key if routing_key is not None else attributes.get("type")
        if key is None:
            raise ValueError(tr("what is no event needs a routing key"))
        ident = message_id if message_id is not None else str(attributes.get("id", "") or uuid.uuid4())
        properties = pika.BasicProperties(
            message_id=ident or None,
            correlation_id=attributes.get("correlationid"),
            content_type=content_type or (CLOUD_EVENT if attributes else "application/octet-stream"),
            delivery_mode=PERSISTENT if persistent else 1,
            headers=dict(headers) if headers else None,
        )
        body = msgspec.json.encode(event) if isinstance(event, Mapping) else event
        if exchange == EXCHANGE:
            self._declare_exchange()
        try:
            self._connection.do(lambda channel: channel.basic_publish(exchange, key, body, properties))
        except (NackError, UnroutableError, Refused) as error:
            raise CannotTell(
                tr("the broker does not take the grader's message {ident}: {error}", ident=ident, error=error)
            ) from error
        return ident

    @contextmanager
    def listen(self, key: str = "#", exchange: str = EXCHANGE) -> Iterator[BrokerListener]:
        """Listen to all that is published with such a key from now until the block ends."""
        queue = f"lab.tap.{uuid.uuid4()}"
        if exchange == EXCHANGE:
            self._declare_exchange()
        self.declare(queue, key, exchange=exchange)
        listening = BrokerListener(self._url, queue, lambda ident: self.publish(b"", queue, ident, exchange=""))
        try:
            yield listening
        finally:
            listening.close()
            self.delete(queue)

    def depth(self, queue: str) -> int:
        """How many messages are ready; 0 also where there is no such queue, see `exists`."""
        found = self._look(queue)
        return found[0] if found else 0

    def consumers(self, queue: str) -> int:
        """How many consumers the queue has."""
        found = self._look(queue)
        return found[1] if found else 0

    def unacked(self, queue: str) -> int:
        """How many messages were delivered and wait for an ack, told from the wire."""
        return _unacked(self._flows(), queue)

    def exists(self, queue: str) -> bool:
        return self._look(queue) is not None

    def drained(self, queue: str, quiet: float = 0.3, within: float = 20.0) -> None:
        """Return when the queue has had nothing ready, nothing unacked and no traffic for `quiet` seconds.

        Traffic counts because a message that is requeued in a loop is between two deliveries at every look. Raises
        BehaviourFailed (`not-drained`); a queue that does not exist is not drained.
        """
        since: float | None = None
        traffic = 0
        last = ""

        def at_rest() -> bool:
            nonlocal since, traffic, last
            try:
                found = self._look(queue)
            except CannotTell as error:
                since, last = None, str(error)
                return False
            flows = list(self._flows())
            waiting, before = _unacked(flows, queue), traffic
            traffic = sum(flow.queue == queue and flow.role in TRAFFIC for flow in flows)
            if found is None or found[0] or waiting:
                last = (
                    tr("no such queue")
                    if found is None
                    else tr(
                        "{found} ready and {waiting} unacked in {queue}", found=found[0], waiting=waiting, queue=queue
                    )
                )
                since = None
                return False
            if since is None or traffic != before:
                since = time.monotonic()
            last = tr("{queue} empty, but not for {quiet:g} s", queue=queue, quiet=quiet)
            return time.monotonic() - since >= quiet

        eventually(at_rest, tr("{queue} to be worked off", queue=queue), within, code="not-drained", got=lambda: last)

    def get(self, queue: str) -> Heard | None:
        """Take the first message out for good; None if there is none."""
        try:
            method, properties, body = self._connection.do(lambda channel: channel.basic_get(queue, auto_ack=True))
        except Refused as refused:
            if refused.code == NOT_FOUND:
                return None
            raise CannotTell(tr("{queue} cannot be read: {refused}", queue=queue, refused=refused)) from refused
        return None if method is None else read(method, properties, body)

    def declare(
        self,
        queue: str,
        *keys: str,
        exchange: str = EXCHANGE,
        durable: bool = True,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        """A queue, bound to the exchange with these keys."""
        self._declared.add(queue)
        if keys and exchange == EXCHANGE:
            self._declare_exchange()

        def work(channel: BlockingChannel) -> None:
            channel.queue_declare(queue, durable=durable, arguments=dict(arguments) if arguments else None)
            for key in keys:
                channel.queue_bind(queue, exchange, key)

        try:
            self._connection.do(work)
        except Refused as refused:
            raise CannotTell(
                tr("the grader cannot have its queue {queue}: {refused}", queue=queue, refused=refused)
            ) from refused

    def delete(self, queue: str) -> None:
        """Delete the queue with what is in it, if there is one."""
        self._quietly(lambda channel: channel.queue_delete(queue))

    def purge(self, queue: str) -> None:
        """Delete the ready messages of the queue, if there is one."""
        self._quietly(lambda channel: channel.queue_purge(queue))

    def start_over(self) -> None:
        """Delete every queue that was seen on the wire in this check, every exchange declared there, and what this
        declared."""
        exchanges, names = {EXCHANGE}, set(self._declared)
        self._declared.clear()
        for flow in self._flows():
            if flow.queue:
                names.add(flow.queue)
            elif flow.op.startswith("declare "):
                exchanges.add(flow.exchange)
        for name in sorted(names):
            self.delete(name)
        for name in sorted(exchanges):
            if name and not name.startswith("amq."):
                self._quietly(partial(_delete_exchange, name))

    def restart(self) -> None:
        """Restart the broker; returns when it is there again."""
        self._connection.hang_up()
        self._restart()

    def close(self) -> None:
        self._connection.hang_up()

    def _look(self, queue: str) -> tuple[int, int] | None:
        """(ready, consumers), None if there is no such queue; of one that is somebody's own nothing is told."""
        try:
            found = self._connection.do(lambda channel: channel.queue_declare(queue, passive=True)).method
        except Refused as refused:
            if refused.code == LOCKED:
                return 0, 1
            return None
        return found.message_count, found.consumer_count

    def _declare_exchange(self) -> None:
        """As it was agreed, unless somebody has declared another one: that is not for us to say."""
        try:
            self._connection.do(lambda channel: channel.exchange_declare(EXCHANGE, passive=True))
        except Refused:
            self._connection.do(lambda channel: channel.exchange_declare(EXCHANGE, "topic", durable=True))

    def _quietly(self, work: Callable[[BlockingChannel], object]) -> None:
        try:
            self._connection.do(work)
        except Refused:
            pass


def _delete_exchange(name: str, channel: BlockingChannel) -> None:
    channel.exchange_delete(name)


def _unacked(flows: Iterable[Flow], queue: str) -> int:
    book = Deliveries()
    for flow in flows:
        if flow.queue == queue:
            book.take(flow)
    return book.count
