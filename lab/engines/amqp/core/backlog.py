"""The ready messages of a queue, in order: a message that comes back stands where it stood before."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator

from lab.engines.amqp.core.message import Entry


class Lane:
    """One line of messages. New ones join at the end; returned ones are kept apart, sorted, and merged at the head."""

    __slots__ = ("_arrived", "_returned")

    def __init__(self) -> None:
        self._arrived: deque[Entry] = deque()
        self._returned: list[Entry] = []

    def __len__(self) -> int:
        return len(self._arrived) + len(self._returned)

    def __iter__(self) -> Iterator[Entry]:
        yield from heapq.merge(sorted(self._returned), self._arrived)

    def append(self, entry: Entry) -> None:
        self._arrived.append(entry)

    def put_back(self, entry: Entry) -> None:
        heapq.heappush(self._returned, entry)

    def head(self) -> Entry | None:
        if self._returned and not (self._arrived and self._arrived[0] < self._returned[0]):
            return self._returned[0]
        return self._arrived[0] if self._arrived else None

    def pop(self) -> Entry:
        """Raises IndexError when empty."""
        if self._returned and not (self._arrived and self._arrived[0] < self._returned[0]):
            return heapq.heappop(self._returned)
        return self._arrived.popleft()


class Priorities:
    """A lane for each priority up to `highest`; the head is the oldest message of the highest priority present."""

    __slots__ = ("_highest", "_lanes", "_length")

    def __init__(self, highest: int) -> None:
        self._highest = highest
        self._lanes: dict[int, Lane] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Entry]:
        for priority in sorted(self._lanes, reverse=True):
            yield from self._lanes[priority]

    def append(self, entry: Entry) -> None:
        self._lane_of(entry).append(entry)
        self._length += 1

    def put_back(self, entry: Entry) -> None:
        self._lane_of(entry).put_back(entry)
        self._length += 1

    def head(self) -> Entry | None:
        return self._lanes[max(self._lanes)].head() if self._lanes else None

    def pop(self) -> Entry:
        """Raises IndexError when empty."""
        if not self._lanes:
            raise IndexError("no message is ready")
        priority = max(self._lanes)
        lane = self._lanes[priority]
        entry = lane.pop()
        if not lane:
            del self._lanes[priority]
        self._length -= 1
        return entry

    def _lane_of(self, entry: Entry) -> Lane:
        priority = min(entry.message.properties.priority, self._highest)
        lane = self._lanes.get(priority)
        if lane is None:
            lane = self._lanes[priority] = Lane()
        return lane


Backlog = Lane | Priorities


def backlog(highest_priority: int | None) -> Backlog:
    return Lane() if highest_priority is None else Priorities(highest_priority)
