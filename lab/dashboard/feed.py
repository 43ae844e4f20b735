"""Where the screen's events come from: a run that is live, or one that was recorded. Both are drained at each flush."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from typing import Protocol

import msgspec

from lab.journal.event import Event, from_line

INBOX = 20_000
"""Events that wait to be drawn. When so many do, reading waits too: the journal keeps the rest."""

THE_END = "the run has ended"

READ_AT_ONCE = 256
"""Lines decoded before the screen gets its turn."""


class Feed(Protocol):
    """`drain` gives events in order, at most about `limit`; `ended` says why nothing more will come, or is empty."""

    ended: str

    def drain(self, clock: float, limit: int) -> list[Event]: ...


class LiveFeed:
    """Reads a live run's journal lines in a task of its own."""

    def __init__(self, lines: AsyncIterable[bytes]) -> None:
        self.ended = ""
        self._lines = lines
        self._inbox: deque[Event] = deque()
        self._room = asyncio.Event()

    async def read(self) -> None:
        """Take lines until there are no more and all are drained. Never raises: how it ended is `ended`."""
        try:
            number = 0
            async for line in self._lines:
                try:
                    self._inbox.append(from_line(line))
                except msgspec.DecodeError:
                    continue  # A kind of a later version, or a torn line: the picture goes on without it.
                number += 1
                if number % READ_AT_ONCE == 0:
                    await asyncio.sleep(0)
                await self._fewer_than(INBOX)
            ended = THE_END
        except Exception as error:
            ended = str(error) or type(error).__name__
        await self._fewer_than(1)
        self.ended = ended

    async def _fewer_than(self, count: int) -> None:
        while len(self._inbox) >= count:
            self._room.clear()
            await self._room.wait()

    def drain(self, clock: float, limit: int) -> list[Event]:  # noqa: ARG002 - the journal's time is not the screen's
        inbox = self._inbox
        if len(inbox) <= limit:
            events = list(inbox)
            inbox.clear()
        else:
            events = [inbox.popleft() for _ in range(limit)]
        self._room.set()
        return events


class ReplayFeed:
    """Plays a recorded run: events come when the playhead, which follows the screen's clock, reaches their `t`."""

    def __init__(self, read: Callable[[], Iterable[Event]], speed: float = 1.0) -> None:
        self.ended = ""
        self.speed = speed
        self.paused = False
        self.head = 0.0
        """Seconds since the recorded run's start."""
        self.rewound = False
        """Set by a step back: the picture must be made anew from the events that come next. Cleared by the reader."""
        self._read = read
        self._events: Iterator[Event] = iter(read())
        self._next: Event | None = next(self._events, None)
        self._clock: float | None = None
        if self._next is None:
            self.ended = "the recording is empty"

    def drain(self, clock: float, limit: int) -> list[Event]:
        if self._clock is not None and not self.paused and not self.ended:
            self.head += (clock - self._clock) * self.speed
        self._clock = clock
        events: list[Event] = []
        while self._next is not None and self._next.t <= self.head and len(events) < limit:
            events.append(self._next)
            self._next = next(self._events, None)
        if self._next is None and not self.ended:
            self.ended = "the recording ends here"
        return events

    def seek(self, t: float) -> None:
        """Move the playhead. Backwards the run is folded again from its start, which the next drains do."""
        t = max(0.0, t)
        if t < self.head:
            self._events = iter(self._read())
            self._next = next(self._events, None)
            self.rewound = True
            self.ended = ""
        self.head = t
