"""Listens to an exchange through a queue of its own, in a thread of its own."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from lab.grading.checking.expect import CannotTell
from lab.grading.instruments.broker_connection import TROUBLE, connect
from lab.grading.instruments.messages import PERSISTENT, Heard
from lab.locale import tr

PUMP = 0.2
"""Seconds between two looks at whether it was closed; messages are taken as they come."""
AGAIN = 0.1
"""Seconds between two attempts to reach a broker that is away."""
PATIENCE = 10.0
FENCE = "lab-fence"

Identity = tuple[str, str, str, bytes]
"""Exchange, routing key, message id, body."""


class BrokerListener:
    """`messages` so far, in the order in which they came.

    The queue is durable and what is taken is acknowledged, so that a broker's restart takes nothing from it but what
    was not persistent. What comes again only because the acknowledgement did not arrive is known by that.
    """

    def __init__(self, url: str, queue: str, publish: Callable[[str], object]) -> None:
        """`publish` puts an empty message with this id into the queue."""
        self.queue = queue
        self._url = url
        self._publish = publish
        self._messages: list[Heard] = []
        self._earlier: Counter[Identity] = Counter()
        """What was taken over connections that have ended."""
        self._lately: Counter[Identity] = Counter()
        self._fences: dict[str, threading.Event] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._listen, name=f"listener {queue}", daemon=True)
        self._thread.start()

    @property
    def messages(self) -> list[Heard]:
        return list(self._messages)

    def __iter__(self) -> Iterator[Heard]:
        return iter(self.messages)

    def __len__(self) -> int:
        return len(self._messages)

    def up_to_now(self) -> list[Heard]:
        """The messages, complete up to now: for what must not have been published. Raises CannotTell."""
        ident = f"{FENCE}-{uuid.uuid4()}"
        passed = self._fences[ident] = threading.Event()
        self._publish(ident)
        if not passed.wait(PATIENCE):
            raise CannotTell(
                tr("the grader's own message did not come through the broker within {patience:g} s", patience=PATIENCE)
            )
        return self.messages

    def close(self) -> None:
        self._closed.set()
        self._thread.join(PATIENCE)

    def _listen(self) -> None:
        while not self._closed.is_set():
            try:
                connection = connect(self._url)
            except TROUBLE:
                self._closed.wait(AGAIN)
                continue
            try:
                channel = connection.channel()
                channel.basic_consume(self.queue, self._take)
                while not self._closed.is_set():
                    connection.process_data_events(PUMP)
            except TROUBLE:
                self._closed.wait(AGAIN)
            finally:
                self._earlier += self._lately
                self._lately.clear()
                with suppress(*TROUBLE):
                    connection.close()

    def _take(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        message = read(method, properties, body)
        identity = (message.exchange, message.routing_key, message.message_id, body)
        if message.message_id.startswith(FENCE):
            if (passed := self._fences.pop(message.message_id, None)) is not None:
                passed.set()
        elif message.redelivered and self._earlier[identity]:
            self._earlier[identity] -= 1
        else:
            self._messages.append(message)
            self._lately[identity] += 1
        channel.basic_ack(method.delivery_tag)


def read(method: Any, properties: Any, body: bytes) -> Heard:
    """The message that pika gives, as a Heard."""
    return Heard(
        body=body,
        routing_key=method.routing_key,
        exchange=method.exchange,
        message_id=properties.message_id or "",
        correlation_id=properties.correlation_id or "",
        content_type=properties.content_type or "",
        persistent=properties.delivery_mode == PERSISTENT,
        redelivered=bool(method.redelivered),
        headers=properties.headers or {},
        at=time.monotonic(),
    )
