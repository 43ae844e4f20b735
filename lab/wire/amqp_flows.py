"""From AMQP methods and messages to Flows: who answered what, on every channel of one connection.

Both of the session's modes keep these books. As long as no fault has touched a channel, client and broker number publishes
and deliveries alike; once one has (`Channel.shifted`), the books tell which number of the one is which of the other.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from lab.journal.event import Flow
from lab.wire import amqp_frames as wire
from lab.wire.amqp_frames import Properties, short_string, tag_and_bits
from lab.wire.session import Side

REMEMBERED = 20_000
"""Unanswered publishes and deliveries are remembered up to so many a channel; the older half is forgotten."""


class Published:
    """A message that waits for the broker's confirm. `number` is the client's count of it; 0 is a copy made by a fault."""

    __slots__ = ("at", "flow", "number")

    def __init__(self, flow: Flow, at: float, number: int) -> None:
        self.flow = flow
        self.at = at
        self.number = number


class Delivered:
    """A message in a consumer's hands. `tag` is the broker's; a copy made by a fault stands for the same Delivered under
    a tag of its own, so `settled` says that the broker has had its answer."""

    __slots__ = ("at", "flow", "settled", "tag")

    def __init__(self, flow: Flow, at: float, tag: int) -> None:
        self.flow = flow
        self.at = at
        self.tag = tag
        self.settled = False


class Content:
    """A message on its way through the tap: its method was read, its header and body may be to come."""

    __slots__ = ("body_left", "crc", "finish", "flow", "frames", "manual", "tag")

    def __init__(self, flow: Flow, finish: Finish, tag: int = 0, manual: bool = False) -> None:
        self.flow = flow
        self.finish = finish
        self.tag = tag
        self.manual = manual
        self.body_left = -1
        self.crc = 0
        self.frames: list[bytes] | None = None
        """The frames so far where the session holds them back; None where they are forwarded as they come."""

    def header(self, found: Properties) -> None:
        flow = self.flow
        flow.bytes = self.body_left = found.size
        flow.message = found.message
        flow.correlation = found.correlation

    def body(self, size: int, part: memoryview) -> None:
        """A message without an id is told from others by a digest of its body."""
        self.body_left -= size
        if not self.flow.message:
            self.crc = zlib.crc32(part, self.crc)
            if self.body_left <= 0:
                self.flow.detail = f"body {self.crc:08x}"


class Channel:
    """What is under way on one channel. `published` and `delivered` are the client's counts, `accepted` and `heard` the
    broker's; `pending` goes by the broker's number, `unacked` by the client's."""

    __slots__ = (
        "accepted",
        "calls",
        "confirming",
        "consumers",
        "delivered",
        "forgotten_deliveries",
        "forgotten_publishes",
        "number",
        "parked",
        "pending",
        "published",
        "queue",
        "receiving",
        "sending",
        "shifted",
        "unacked",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.shifted = False
        self.confirming = False
        self.published = self.accepted = self.delivered = 0
        self.pending: dict[int, Published] = {}
        self.unacked: dict[int, Delivered] = {}
        self.forgotten_publishes = self.forgotten_deliveries = 0
        self.consumers: dict[bytes, tuple[str, str, bool]] = {}
        self.queue = ""
        self.calls: deque[Call] = deque()
        self.sending: Content | None = None
        self.receiving: Content | None = None
        self.parked: list[Any] = []
