"""What all virtual hosts share: the clock and its timers, the store, memory and its alarms."""

from __future__ import annotations

import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from lab.engines.amqp.core.consumer import Publisher
from lab.engines.amqp.core.message import Entry, Message
from lab.engines.amqp.core.spill import SPILL_AT_LEAST, Spill
from lab.engines.amqp.core.store import Forgetful, Store
from lab.engines.amqp.core.turns import TURN
from lab.engines.amqp.core.vhost import VirtualHost

if TYPE_CHECKING:
    from lab.engines.amqp.core.records import SavedMessage

MEMORY_LIMIT = 1 << 30

GiveUp = Callable[[str, "Sequence[Message | SavedMessage]", Exception], None]
"""Takes messages that the broker cannot handle: the name of their queue, the messages, and why."""


class Broker:
    """See the module. Its driver sets `now` before every call, and calls `tick` when `next_timer` is due."""

    def __init__(
        self,
        store: Store | None = None,
        *,
        spill: Spill | None = None,
        wall: Callable[[], float] = time.time,
        now: float = 0.0,
        give_up: GiveUp | None = None,
        tell: Callable[[Exception], None] | None = None,
        memory_limit: int = MEMORY_LIMIT,
    ) -> None:
        self.now = now
        """Monotonic seconds."""
        self.give_up = give_up or _raise
        self._tell = tell or _raise_it
        self.wall = wall
        self.store: Store = store or Forgetful()
        self.vhosts: dict[str, VirtualHost] = {}
        self.memory = 0
        """Octets that messages take, about."""
        self.spill = spill or Spill(None)
        self.spill_above = memory_limit // 2
        """With more memory than this in use, bodies that must wait go to disk."""
        self.alarms: set[str] = set()
        """What runs out, "memory" or "disk": while anything does, whoever publishes is to be blocked."""
        self.blocked: dict[Publisher, None] = {}
        """Who was, and is told when the last alarm ends."""
        self._memory_limit = memory_limit
        self.awaiting: deque[tuple[int, Callable[[], None]]] = deque()
        """What to do once the store is safe up to a position, in order."""
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self.worked = 0
        """Steps of work done so far; whoever does one counts it."""
        self._turn_ends = TURN
        self._jobs: deque[Iterator[None]] = deque()
        self._behind = False
        """A turn ended before all was settled: the rest is done by `work`, beside what clients ask meanwhile."""
        self.add_vhost("/")

    def add_vhost(self, name: str) -> VirtualHost:
        vhost = self.vhosts.get(name)
        if vhost is None:
            vhost = self.vhosts[name] = VirtualHost(self, name)
        return vhost

    def at(self, when: float, call: Callable[[], None]) -> None:
        """Calls `call` when the clock reaches `when`."""
        heapq.heappush(self._timers, (when, next(self._count), call))

    @property
    def next_timer(self) -> float | None:
        return self._timers[0][0] if self._timers else None

    def tick(self) -> None:
        """Runs the timers that are due, for a turn."""
        self.begin_turn()
        while self._timers and self._timers[0][0] <= self.now and not self.turn_is_over:
            self.worked += 1
            heapq.heappop(self._timers)[2]()
            self.settle()
        self.weigh()

    # turns: no client's wish holds up all others for long

    def begin_turn(self) -> None:
        """To be called before something is asked of the broker that may take long."""
        self._turn_ends = self.worked + TURN

    @property
    def turn_is_over(self) -> bool:
        """Whether others are to be served before more is done."""
        return self.worked >= self._turn_ends

    def later(self, job: Iterator[None]) -> None:
        """Takes on work that may be long: done step by step, when it is settled and in later turns."""
        self._jobs.append(job)

    @property
    def busy(self) -> bool:
        """Whether `work` has something to do."""
        return bool(self._jobs) or any(vhost.unsettled for vhost in self.vhosts.values())

    def work(self) -> None:
        """A turn of what is left to do."""
        self._behind = False
        self.begin_turn()
        self.settle()
        self.weigh()

    def set_aside(self, entry: Entry) -> None:
        """Writes the body of a message that must wait to disk, if it is worth a place there."""
        if entry.size < SPILL_AT_LEAST or entry.place is not None:
            return
        message = entry.message
        try:
            entry.place = self.spill.put(message.body)
        except OSError:
            return  # no room there either: it stays in memory, whose limit blocks publishers
        entry.message = Message(message.address, message.header, b"", message.properties)
        self.memory -= entry.size

    def bring_back(self, entry: Entry) -> None:
        """The body back into memory, if it was set aside. Raises OSError."""
        if entry.place is None:
            return
        message = entry.message
        body = self.spill.get(entry.place)
        self.spill.release(entry.place)
        entry.place = None
        entry.message = Message(message.address, message.header, body, message.properties)
        self.memory += entry.size

    def let_go(self, entry: Entry) -> None:
        """The message is not waited for any more: frees what it takes, in memory or on disk."""
        self.memory -= entry.message.size
        if entry.place is not None:
            self.spill.release(entry.place)
            entry.place = None

    def weigh(self) -> None:
        """Raises the memory alarm above the limit; ends it well below."""
        if "memory" in self.alarms:
            if self.memory < self._memory_limit * 0.9:
                self.end_alarm("memory")
        elif self.memory > self._memory_limit:
            self.alarms.add("memory")

    def end_alarm(self, what: str) -> None:
        self.alarms.discard(what)
        if not self.alarms:
            for publisher in list(self.blocked):
                publisher.unblock()

    def settle(self) -> None:
        """Does what follows from what was done, until the turn is over."""
        if self._behind:
            return
        for vhost in self.vhosts.values():
            if vhost.unsettled:
                vhost.settle()
        jobs = self._jobs
        while jobs and self.worked < self._turn_ends:
            job = jobs.popleft()
            try:
                for _ in job:
                    self.worked += 1
                    if self.worked >= self._turn_ends:
                        jobs.append(job)
                        break
            except Exception as defect:  # not of the one in whose turn it shows
                self._tell(defect)
        self._behind = self.turn_is_over and self.busy

    def when_safe(self, call: Callable[[], None]) -> None:
        """Calls `call` once everything written to the store so far is on disk."""
        self.awaiting.append((self.store.position, call))

    def safe(self, position: int) -> None:
        """The store is on disk up to `position`."""
        touched = self.awaiting
        while touched and touched[0][0] <= position:
            touched.popleft()[1]()


def _raise_it(error: Exception) -> None:
    raise error


def _raise(queue: str, messages: Sequence[Message | SavedMessage], error: Exception) -> None:
    del queue, messages
    raise error
