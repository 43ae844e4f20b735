"""What a RunPicture is made of: its links, processes, faults, queues and the things of the business."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from lab.journal.event import Flow
from lab.journal.measure import Meter, Spread

OPEN_DELIVERIES = 10_000

MESSAGES = frozenset({"publish", "deliver", "get"})
"""AMQP ops that carry a message. The others answer or prepare: they are flows, but do not count in a link's rate."""

FAILED = frozenset({"error", "lost", "refused"})
"""Outcomes that count as errors. What was late or arrived twice still arrived."""

GONE = frozenset({"starting", "stopping", "stopped", "backoff", "failed"})
"""States in which a process holds no connection, so nothing is delivered to it."""


def counted(flow: Flow) -> bool:
    """Whether the flow counts in a link's rate: a request, a command or a message, no answer and no preparation."""
    return flow.protocol != "amqp" or flow.op.partition(" ")[0] in MESSAGES


class LinkPicture:
    """What was seen on one link. `flows` counts everything, `rate` only requests, commands and messages."""

    __slots__ = (
        "back",
        "bytes",
        "consumes",
        "failures",
        "flows",
        "id",
        "meter",
        "outcomes",
        "protocol",
        "spread",
        "there",
    )

    def __init__(self, id: str, protocol: str) -> None:
        self.id = id
        self.protocol = protocol
        self.flows = 0
        self.bytes = 0
        self.outcomes: Counter[str] = Counter()
        self.meter = Meter()
        self.failures = Meter()
        self.there = 0
        """Requests, commands and publishes so far: what travels from consumer to provider."""
        self.back = 0
        """Deliveries so far: what travels from a broker to its consumer."""
        self.consumes = False
        """Whether the source has asked a broker for messages."""
        self.spread = Spread()

    @property
    def source(self) -> str:
        return self.id.partition("->")[0]

    @property
    def target(self) -> str:
        return self.id.partition("->")[2]

    @property
    def errors(self) -> int:
        return self.failures.total

    def rate(self, now: float) -> float:
        return self.meter.rate(now)

    def error_rate(self, now: float) -> float:
        return self.failures.rate(now)


@dataclass(slots=True)
class ProcessPicture:
    name: str
    role: str = "service"
    state: str = "pending"
    since: float = 0.0
    pid: int | None = None
    code: int | None = None
    reason: str = ""
    restarts: int = 0
    tail: tuple[str, ...] = ()
    tier: str = ""
    breakers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class FaultPicture:
    """`ended` is empty while the fault is active, then `healed` or `expired`; `hits` says what it hit, newest last."""

    id: str
    text: str
    owner: str
    since: float
    duration: float | None
    victims: int = 0
    ended: str = ""
    until: float | None = None
    hits: deque[str] = field(default_factory=lambda: deque(maxlen=8))

    @property
    def kind(self) -> str:
        return self.text.partition(" ")[0]

    @property
    def target(self) -> str:
        words = self.text.split(" ", 2)
        return words[1] if len(words) > 1 else ""

    def remaining(self, now: float) -> float | None:
        """Seconds until it heals by itself; None: until somebody heals it."""
        return None if self.duration is None else max(0.0, self.since + self.duration - now)

    def touches(self, link: str) -> bool:
        """Whether it is a fault on this link; `a<->b` touches both directions."""
        if self.target == link:
            return True
        ends = self.target.split("<->")
        return len(ends) == 2 and link in (f"{ends[0]}->{ends[1]}", f"{ends[1]}->{ends[0]}")


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


@dataclass(slots=True)
class EntityPicture:
    """A thing of the business and its state as a service logged it: an order and where its saga stands."""

    entity: str
    id: str
    state: str
    since: float
    born: float
    source: str = ""
    correlation: str = ""
    reason: str = ""
    history: list[tuple[float, str]] = field(default_factory=list)
