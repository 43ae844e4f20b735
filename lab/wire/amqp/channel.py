"""The books of one AMQP channel: messages under way, publishes that wait for a confirm, deliveries for an ack.

As long as no fault has touched the channel, client and broker number publishes and deliveries alike. Once one has
(`shifted`), the books tell which number of the one is which of the other, to the end of the channel's life.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple, TypeVar

from lab.journal.event import Flow

REMEMBERED = 20_000
"""How many unanswered publishes and deliveries a channel remembers; beyond that it forgets the older half."""

T = TypeVar("T")


class Published:
    """A message that waits for its confirm. `number` is the client's count; 0 says that a fault made this copy."""

    __slots__ = ("at", "flow", "number")

    def __init__(self, flow: Flow, at: float, number: int) -> None:
        self.flow = flow
        self.at = at
        self.number = number


class Delivered:
    """A message in a consumer's hands. `tag` is the broker's. A copy made by a fault stands in the books under a number
    of its own but for the same Delivered: `settled` says that the broker has had its answer."""

    __slots__ = ("at", "flow", "settled", "tag")

    def __init__(self, flow: Flow, at: float, tag: int) -> None:
        self.flow = flow
        self.at = at
        self.tag = tag
        self.settled = False


class Content:
    """A message on its way through the tap. Its method was read; its header and body may still be to come. `finish`
    is called when it is complete; `manual` says that a delivery wants an ack."""

    __slots__ = ("crc", "finish", "flow", "frames", "left", "manual", "since", "tag")

    def __init__(
        self, flow: Flow, finish: Finish, tag: int = 0, manual: bool = False, since: float | None = None
    ) -> None:
        self.flow = flow
        self.finish = finish
        self.tag = tag
        self.manual = manual
        self.since = since
        """When it was asked for (basic.get)."""
        self.left = -1
        """Bytes of the body to come; -1 before the header."""
        self.crc = 0
        self.frames: list[bytes] | None = None
        """Its frames so far, if the session holds them back; None if they are forwarded as they come."""

    def header(self, size: int, message: str, correlation: str) -> bool:
        """The body's size and the message's ids. Whether the message is complete with it."""
        flow = self.flow
        flow.bytes = self.left = size
        flow.message = message
        flow.correlation = correlation
        return not size

    def body(self, data: bytes, start: int, stop: int, last: bool) -> bool:
        """A part of the body; `last` says that a body frame ends with it. Whether the message is complete.

        A message without an id is told from others by a digest of its body.
        """
        if self.left < 0:
            return False
        self.left -= stop - start
        if not self.flow.message:
            self.crc = zlib.crc32(memoryview(data)[start:stop], self.crc)
        if self.left > 0 or not last:
            return False
        if not self.flow.message:
            self.flow.detail = f"body {self.crc:08x}"
        return True


Finish = Callable[["Channel", Content, float], Flow]


class Call(NamedTuple):
    """A method that the broker answers with the method `answer`."""

    answer: int
    flow: Flow
    at: float
    manual: bool = True
    """Whether what it asks for (consume, get) wants acks."""


class Consumer(NamedTuple):
    queue: str
    op: str
    manual: bool


class Batch:
    """Deliveries held by the fault `fault`, oldest first, until there are `size` of them or it is `due`."""

    __slots__ = ("contents", "due", "fault", "size")

    def __init__(self, fault: str, size: int, due: float) -> None:
        self.fault = fault
        self.size = size
        self.due = due
        self.contents: list[Content] = []


class Channel:
    """`published` and `delivered` are the client's counts, `accepted` is the broker's of publishes; `pending` goes
    by the broker's number, `unacked` by the client's, both in ascending order."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.shifted = False
        self.confirming = False
        self.published = self.accepted = self.delivered = 0
        self.pending: dict[int, Published] = {}
        self.unacked: dict[int, Delivered] = {}
        self.forgotten_publishes = self.forgotten_deliveries = 0
        self.consumers: dict[bytes, Consumer] = {}
        self.queue = ""
        """The queue that was declared last. An empty name means this one."""
        self.calls: deque[Call] = deque()
        self.sending: Content | None = None
        self.receiving: Content | None = None
        self.batches: dict[str, Batch] = {}
        """Deliveries that a fault holds, by op."""

    # Publishes: the client's number -> the broker's.

    def publish(self, flow: Flow, now: float) -> None:
        if not self.confirming:
            return
        self.published += 1
        self.accepted += 1
        self.pending[self.accepted] = Published(flow, now, self.published)
        if len(self.pending) > REMEMBERED and not self.shifted:
            self.forgotten_publishes = _forget(self.pending)

    def publish_copy(self, flow: Flow, now: float) -> None:
        """A fault sent the message to the broker once more."""
        if self.confirming:
            self.shifted = True
            self.accepted += 1
            self.pending[self.accepted] = Published(flow, now, 0)

    def confirm(self, tag: int, multiple: bool) -> list[Published]:
        """What the broker's ack or nack of its number `tag` answers."""
        return _take(self.pending, tag, multiple)

    # Deliveries: the broker's number -> the client's.

    def next_delivery(self, tag: int) -> int:
        """The number by which the client will know the broker's delivery `tag`."""
        return self.delivered + 1 if self.shifted else tag

    def deliver(self, flow: Flow, now: float, tag: int, manual: bool) -> int:
        """The number by which the client knows the broker's delivery `tag`, from now on in its hands."""
        self.delivered = self.next_delivery(tag)
        if manual:
            self.unacked[self.delivered] = Delivered(flow, now, tag)
            if len(self.unacked) > REMEMBERED and not self.shifted:
                self.forgotten_deliveries = _forget(self.unacked)
        return self.delivered

    def deliver_again(self, original: int) -> int:
        """The number of a copy of the client's delivery `original`."""
        self.shifted = True
        self.delivered += 1
        if original in self.unacked:
            self.unacked[self.delivered] = self.unacked[original]
        return self.delivered

    def settle(self, tag: int, multiple: bool) -> list[Delivered]:
        """What the client's ack, nack or reject of its number `tag` answers."""
        return _take(self.unacked, tag, multiple)


class Connection:
    """The channels of one connection. `greeted` is when the client said hello."""

    def __init__(self) -> None:
        self.channels: dict[int, Channel] = {}
        self.greeted: float | None = None

    def channel(self, number: int) -> Channel:
        channel = self.channels.get(number)
        if channel is None:
            channel = self.channels[number] = Channel(number)
        return channel


Handler = Callable[[Connection, Channel, bytes, int, float, list[Flow]], None]
"""handler(connection, channel, data, position of a method's arguments, now, flows) keeps the books, adds to `flows`."""


def _take(books: dict[int, T], tag: int, multiple: bool) -> list[T]:
    """The entry numbered `tag`, or with `multiple` all up to it (0: all), out of the books."""
    if not multiple:
        found = books.pop(tag, None)
        return [] if found is None else [found]
    if not tag:
        everything = list(books.values())
        books.clear()
        return everything
    numbers = []
    for number in books:
        if number > tag:
            break
        numbers.append(number)
    return [books.pop(number) for number in numbers]


def _forget(books: dict[int, T]) -> int:
    """Drop the older half; the highest number dropped."""
    numbers = list(islice(books, len(books) // 2))
    for number in numbers:
        del books[number]
    return numbers[-1]
