"""Timeline: a run's journal file with a head, and what the events up to the head add up to.

The head follows the end of the file, plays on at a pace, stands still, or is moved. On the way forward snapshots of the
fold are kept, so that a step back folds only the events since the nearest one. A live run and a recorded one differ in
one thing: `closed` says that nothing more will be written.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from math import inf
from pathlib import Path
from time import perf_counter
from typing import Generic, Protocol, Self, TypeVar

from lab.journal.event import Event
from lab.journal.query import Tail, decode

EVERY = 4_000
"""Events between two snapshots, as long as there are few of them."""

MOST = 64
"""Snapshots kept. When there would be more, every second one is dropped and the distance doubles."""

MARK = 1_000
"""Events between two places of the file that are remembered, for reading a stretch of it again."""

AT_ONCE = 128
"""Events folded before the clock is looked at."""


class Fold(Protocol):
    """What events add up to. `apply` takes them in order; a copy is not changed by what is applied to the original."""

    def apply(self, event: Event) -> None: ...

    def copy(self) -> Self: ...


F = TypeVar("F", bound=Fold)


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[F]):
    """The state after `count` events, the last of them at `t`; the next begins at byte `offset` of the file."""

    count: int
    offset: int
    t: float
    state: F


class Timeline(Generic[F]):
    """`advance` with the screen's clock, read `state`. Times are seconds since the run's start."""

    def __init__(self, path: Path, start: F, *, every: int = EVERY) -> None:
        self.path = path
        self.state = start
        self.count = 0
        """Events in the state."""
        self.last = 0.0
        """When the last of them happened."""
        self.head = inf
        self.speed = 1.0
        self.paused = False
        self.closed = False
        """Whether nothing more will be written to the file."""
        self.ended = False
        """Whether the head has reached the end of a closed file."""
        self.caught_up = False
        """Whether everything up to the head that has been written is in the state."""
        self.jumps = 0
        """How often the head was moved backwards."""
        self._every = every
        self._tail = Tail(path)
        self._lines: list[bytes] = []
        self._line = 0
        self._next: Event | None = None
        self._offset = 0
        self._clock: float | None = None
        self._follow_after = False
        self._snapshots: list[Snapshot[F]] = [Snapshot(0, 0, 0.0, start.copy())]
        self._marks = [0]

    @property
    def following(self) -> bool:
        """Whether the head is wherever the file ends."""
        return self.head == inf

    @property
    def now(self) -> float:
        """The time that the head stands at."""
        return self.last if self.following else self.head

    def advance(self, clock: float, budget: float = inf) -> list[Event]:
        """Move the head on with `clock` and take in what it passes, for about `budget` seconds. What was taken in."""
        if self._clock is not None and not (self.paused or self.ended):
            self.head += (clock - self._clock) * self.speed
        self._clock = clock
        events = self._fold(perf_counter() + budget)
        self.ended = self.closed and self._peek() is None
        if self.ended:
            self.head = min(self.head, self.last)
        return events

    def pause(self, now: float) -> None:
        """Stop the head; where it followed, at `now`."""
        if not self.paused:
            self._follow_after = self.following
            self.head = min(self.head, now)
            self.paused = True

    def go_on(self) -> None:
        """Let it go on as before the pause: from where it stands, or with the end of the file."""
        self.paused = False
        if self._follow_after:
            self.follow()

    def follow(self) -> None:
        """Move the head to the end of the file, and on with it."""
        self.head, self.paused, self._follow_after = inf, False, False

    def seek(self, t: float) -> None:
        """Move the head. A step back is folded at once; forward, the next calls of `advance` do it."""
        self.head = max(0.0, t)
        self._follow_after = False
        self.ended = False
        if self.head < self.last:
            self.jumps += 1
            self._restore(self._snapshots[bisect_right(self._snapshots, self.head, key=lambda kept: kept.t) - 1])
            self._fold(inf)

    def recent(self, count: int) -> list[Event]:
        """The last `count` events up to the head, read from the file again."""
        first = max(0, self.count - count) // MARK
        try:
            with self.path.open("rb") as file:
                file.seek(self._marks[first])
                data = file.read(self._offset - self._marks[first])
        except OSError:
            return []
        return list(decode(data.splitlines(keepends=True)))[-count:]

    def close(self) -> None:
        self._tail.close()

    def _fold(self, until: float) -> list[Event]:
        events: list[Event] = []
        state, head = self.state, self.head
        while (event := self._peek()) is not None and event.t <= head:
            self._offset += len(self._lines[self._line])
            self._line += 1
            self._next = None
            state.apply(event)
            self.count += 1
            self.last = event.t
            events.append(event)
            if self.count == len(self._marks) * MARK:
                self._marks.append(self._offset)
            if self.count >= self._snapshots[-1].count + self._every:
                self._keep()
            if len(events) % AT_ONCE == 0 and perf_counter() > until:
                self.caught_up = False
                return events
        self.caught_up = True
        return events

    def _peek(self) -> Event | None:
        """The first event that is not in the state yet, if it has been written."""
        while self._next is None:
            if self._line == len(self._lines):
                self._lines, self._line = self._tail.lines(), 0
                if not self._lines:
                    return None
            self._next = next(decode(self._lines[self._line : self._line + 1]), None)
            if self._next is None:  # no event: a torn line, or a kind of a later version
                self._offset += len(self._lines[self._line])
                self._line += 1
        return self._next

    def _keep(self) -> None:
        self._snapshots.append(Snapshot(self.count, self._offset, self.last, self.state.copy()))
        if len(self._snapshots) > MOST:
            self._every *= 2
            del self._snapshots[1::2]

    def _restore(self, kept: Snapshot[F]) -> None:
        self.state, self.count, self.last = kept.state.copy(), kept.count, kept.t
        self._offset = kept.offset
        self._tail.seek(kept.offset)
        self._lines, self._line, self._next = [], 0, None
