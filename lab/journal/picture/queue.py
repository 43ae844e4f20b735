"""A broker's queue as a run's events show it: what waits in it, and what its consumers hold."""

from __future__ import annotations

from collections import deque

OPEN_DELIVERIES = 10_000


class QueuePicture:
    """A broker's queue. `ready` is what the broker says waits (None: it has not said); `unacked` what the wire shows
    as delivered without an answer."""

    __slots__ = ("consumers", "delivered", "name", "open", "ready", "redelivered", "trend", "unacked")

    def __init__(self, name: str) -> None:
        self.name = name
        self.ready: int | None = None
        self.consumers: int | None = None
        self.delivered = 0
        self.redelivered = 0
        self.unacked = 0
        self.open: dict[tuple[str, int], dict[str, int]] = {}
        self.trend: deque[int] = deque(maxlen=60)

    def deliver(self, link: str, conn: int, message: str, redelivered: bool) -> None:
        self.delivered += 1
        if redelivered:
            self.redelivered += 1
            if message:
                self._forget(message)
        if self.unacked < OPEN_DELIVERIES:
            held = self.open.setdefault((link, conn), {})
            held[message] = held.get(message, 0) + 1
            self.unacked += 1

    def settle(self, link: str, conn: int, message: str) -> None:
        held = self.open.get((link, conn))
        if held is None or message not in held:
            return
        self.unacked -= 1
        if held[message] == 1:
            del held[message]
        else:
            held[message] -= 1

    def release(self, link: str, keep: int | None = None) -> None:
        """The link's connections ended (all but `keep`): the broker takes back what they held."""
        for key in [key for key in self.open if key[0] == link and key[1] != keep]:
            self.unacked -= sum(self.open.pop(key).values())

    def _forget(self, message: str) -> None:
        for held in self.open.values():
            self.unacked -= held.pop(message, 0)
