"""A link as a run's events show it: how much went over it, how quickly, how much of it failed."""

from __future__ import annotations

from collections import Counter
from copy import copy

from lab.journal.measure import Meter, Spread
from lab.system.links import ends


class LinkPicture:
    """What was seen on one link. `flows` counts everything, `rate` only what the link is there for (event.TRAFFIC)."""

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
        """Calls and messages so far: what travels from consumer to provider."""
        self.back = 0
        """Deliveries so far: what travels from provider to consumer."""
        self.consumes = False
        """Whether the source has asked for deliveries, or got one."""
        self.spread = Spread()

    @property
    def source(self) -> str:
        return ends(self.id)[0]

    @property
    def target(self) -> str:
        return ends(self.id)[1]

    @property
    def errors(self) -> int:
        return self.failures.total

    def rate(self, now: float) -> float:
        return self.meter.rate(now)

    def error_rate(self, now: float) -> float:
        return self.failures.rate(now)

    def copy(self) -> LinkPicture:
        other = copy(self)
        other.outcomes = self.outcomes.copy()
        other.meter, other.failures, other.spread = self.meter.copy(), self.failures.copy(), self.spread.copy()
        return other
