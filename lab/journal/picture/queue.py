"""A broker's queue as a run's events show it: what waits in it, and what its consumers hold."""

from __future__ import annotations

from collections import deque

from lab.journal.deliveries import Deliveries, wants_ack
from lab.journal.event import Flow


class QueuePicture:
    """A broker's queue. `ready` is what the broker says waits (None: it has not said); `unacked` what the wire shows
    as delivered without an answer, `held` by whom."""

    __slots__ = ("consumers", "delivered", "held", "name", "ready", "redelivered", "trend")

    def __init__(self, name: str) -> None:
        self.name = name
        self.ready: int | None = None
        self.consumers: int | None = None
        self.delivered = 0
        self.redelivered = 0
        self.held = Deliveries()
        self.trend: deque[int] = deque(maxlen=60)

    @property
    def unacked(self) -> int:
        return self.held.count

    def take(self, flow: Flow) -> None:
        """Take in a delivery from this queue or the answer to one."""
        self.held.take(flow)
        if wants_ack(flow):
            self.delivered += 1
            self.redelivered += flow.redelivered
