"""A broker's queues as a run's events show them: what waits in each, and what its consumers hold."""

from __future__ import annotations

from collections import deque
from copy import copy

from lab.journal.deliveries import Deliveries, answers_delivery, wants_ack, way
from lab.journal.event import EngineState, Event, Flow, Process
from lab.journal.picture.process import GONE
from lab.system.links import ends


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

    def copy(self) -> QueuePicture:
        other = copy(self)
        other.held = self.held.copy()
        other.trend = self.trend.copy()
        return other


class Queues:
    """The fold of a run's events into its queues, `by_name`."""

    def __init__(self) -> None:
        self.by_name: dict[str, QueuePicture] = {}

    def apply(self, event: Event) -> None:
        """Take one event in. Events come in the order of their `seq`."""
        match event:
            case Flow():
                if event.queue:
                    self._flow(event)
            case Process() if event.state in GONE:
                for queue in self.by_name.values():
                    for one in {one for one, _ in queue.held.open if event.source in ends(one)}:
                        queue.held.release(one)
            case EngineState():
                for name, depth in event.queues.items():
                    queue = self._queue(name)
                    queue.ready, queue.consumers = depth.ready, depth.consumers
                    queue.trend.append(depth.ready)

    def copy(self) -> Queues:
        other = Queues()
        other.by_name = {name: queue.copy() for name, queue in self.by_name.items()}
        return other

    def _flow(self, flow: Flow) -> None:
        if wants_ack(flow) or answers_delivery(flow):
            self._queue(flow.queue).take(flow)
        elif flow.role == "subscribe":
            self._queue(flow.queue).held.release(way(flow), keep=flow.conn)

    def _queue(self, name: str) -> QueuePicture:
        queue = self.by_name.get(name)
        if queue is None:
            queue = self.by_name[name] = QueuePicture(name)
        return queue
