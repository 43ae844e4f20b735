"""What all connections share: virtual hosts, users, the clock and its timers, the store, memory."""

from __future__ import annotations

import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from lab.engines.amqp.store import Forgetful, Store
from lab.engines.amqp.vhost import VirtualHost

if TYPE_CHECKING:
    from lab.engines.amqp.connection import Connection


class Broker:
    """See the module. Its driver sets `now` before every call, and calls `tick` when `next_timer` is due."""

    def __init__(
        self,
        store: Store | None = None,
        *,
        wall: Callable[[], float] = time.time,
        now: float = 0.0,
        users: dict[str, str] | None = None,
    ) -> None:
        self.now = now
        """Monotonic seconds."""
        self.wall = wall
        self.store: Store = store or Forgetful()
        self.users = {"guest": "guest"} if users is None else users
        self.vhosts: dict[str, VirtualHost] = {}
        self.connections: dict[Connection, None] = {}
        self.changed: dict[Connection, None] = {}
        """Connections with bytes to write or a socket to close."""
        self.memory = 0
        """Octets that messages take, about."""
        self.awaiting: deque[tuple[int, Callable[[], None]]] = deque()
        """What to do once the store is safe up to a position, in order."""
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
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
        """Runs the timers that are due."""
        while self._timers and self._timers[0][0] <= self.now:
            heapq.heappop(self._timers)[2]()
            self.settle()

    def settle(self) -> None:
        for vhost in self.vhosts.values():
            if vhost.dead_letters:
                vhost.settle()

    def when_safe(self, call: Callable[[], None]) -> None:
        """Calls `call` once everything written to the store so far is on disk."""
        self.awaiting.append((self.store.position, call))

    def safe(self, position: int) -> None:
        """The store is on disk up to `position`."""
        touched = self.awaiting
        while touched and touched[0][0] <= position:
            touched.popleft()[1]()

    def shut_down(self) -> None:
        """Tells every client that the broker goes, as RabbitMQ does; requeues what they held."""
        for connection in list(self.connections):
            connection.force_close("shutdown")
