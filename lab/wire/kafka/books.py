"""What the connections of one tap know together: who is in which group, and which records wait for their commit.

A consumer fetches on one connection and commits on another, and says its group on the second one only. Both say the
client's id, and the partitions that a member was given tell the rest. Where that fits several groups, a fetched record
belongs to none that the lab could name.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from lab.journal.event import Flow

MOST_MEMBERS = 1_000
MOST_SHELVES = 10_000
REMEMBERED = 10_000
"""Records of one partition that are remembered until they are committed."""

COOPERATIVE = "cooperative"
"""How the assignors' names begin with which members keep their partitions through a rebalance."""

Partition = tuple[str, int]


def queue(group: str, topic: str, partition: int) -> str:
    """What a group has still to read of a partition is to it what a queue is to its consumers."""
    return f"{group}/{topic}/{partition}"


@dataclass(slots=True)
class Member:
    """A consumer in a group; `given` are its partitions."""

    group: str
    generation: int = -1
    cooperative: bool = False
    given: frozenset[Partition] = frozenset()


@dataclass(slots=True)
class Read:
    """A record in a consumer's hands, with the flow that told of it."""

    offset: int
    flow: Flow
    at: float


@dataclass(slots=True)
class Shelf:
    """The records that a group was given of a partition and has not committed, in order; `highest` is the last offset
    that it was ever given."""

    highest: int = -1
    waiting: deque[Read] = field(default_factory=lambda: deque(maxlen=REMEMBERED))


class Books:
    """Kept by all sessions of a tap."""

    def __init__(self) -> None:
        self._members: dict[tuple[str, str], Member] = {}
        """By the client's id and the member's."""
        self._shelves: dict[tuple[str, str, int], Shelf] = {}

    def joined(self, client: str, member: str, group: str, generation: int, protocol: str) -> bool:
        """A member has its place. Whether it had another one before: then this was a rebalance."""
        known = self._members.pop((client, member), None) or Member(group)
        if len(self._members) >= MOST_MEMBERS:
            del self._members[next(iter(self._members))]
        self._members[client, member] = known
        again = known.generation >= 0
        known.generation, known.cooperative = generation, protocol.startswith(COOPERATIVE)
        return again

    def assigned(self, client: str, member: str, given: Collection[Partition]) -> tuple[list[Read], list[Partition]]:
        """A member was given these partitions: what it had in hand and gives back, and which of them it begins anew."""
        known = self._members.get((client, member))
        if known is None:
            return [], sorted(given)
        kept = known.given & frozenset(given) if known.cooperative else frozenset()
        back = [read for lost in sorted(known.given - kept) for read in self._take(known.group, *lost)]
        known.given = frozenset(given)
        return back, sorted(known.given - kept)

    def left(self, client: str, member: str) -> list[Read]:
        """A member leaves: what it gives back."""
        back, _ = self.assigned(client, member, ())
        self._members.pop((client, member), None)
        return back

    def group(self, client: str, topic: str, partition: int) -> str:
        """For which group the client fetches from this partition; "" if that is not known."""
        mine = [member for (name, _), member in self._members.items() if name == client]
        groups = {member.group for member in mine if (topic, partition) in member.given}
        groups = groups or {member.group for member in mine}
        return groups.pop() if len(groups) == 1 else ""

    def deliver(self, place: tuple[str, str, int], offset: int, end: int, flow: Flow, now: float) -> list[Read]:
        """A record comes to a group; what the group gives back by that, because it reads again from here on. `place`
        is group, topic and partition, `end` the offset of the record that will be stored there next."""
        if len(self._shelves) >= MOST_SHELVES:
            del self._shelves[next(iter(self._shelves))]
        shelf = self._shelves.setdefault(place, Shelf())
        if end <= shelf.highest:  # the broker has lost what it had: its offsets begin anew
            shelf.highest = -1
        back = []
        while shelf.waiting and shelf.waiting[-1].offset >= offset:
            back.append(shelf.waiting.pop())
        flow.redelivered = offset <= shelf.highest
        shelf.highest = max(shelf.highest, offset)
        shelf.waiting.append(Read(offset, flow, now))
        return back[::-1]

    def in_hand(self, group: str, topic: str, partition: int, offset: int) -> list[Read]:
        """The records that a commit of this offset is about: all before it."""
        shelf = self._shelves.get((group, topic, partition))
        return [read for read in shelf.waiting if read.offset < offset] if shelf else []

    def committed(self, group: str, topic: str, partition: int, offset: int) -> list[Read]:
        """The same; the group has dealt with them now."""
        done = self.in_hand(group, topic, partition, offset)
        for _ in done:
            self._shelves[group, topic, partition].waiting.popleft()
        return done

    def _take(self, group: str, topic: str, partition: int) -> list[Read]:
        shelf = self._shelves.get((group, topic, partition))
        if shelf is None:
            return []
        back = list(shelf.waiting)
        shelf.waiting.clear()
        return back
