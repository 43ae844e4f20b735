"""A fault as a run's events show it: until when it lasts, and what it has hit."""

from __future__ import annotations

from collections import deque
from copy import copy
from dataclasses import dataclass, field

from lab.system.links import covers

STRUCK = 50
"""Stories that are remembered of those that a fault hit."""


@dataclass(slots=True)
class FaultPicture:
    """`kind` is its name in the catalogue, `target` where it acts in words, `links` the links among that.

    `ended` is empty while the fault is active, then `healed`, `expired`, or `done` if it was no matter of time (a
    kill); `hits` says what it hit, newest last."""

    id: str
    kind: str
    target: str
    links: tuple[str, ...]
    text: str
    owner: str
    since: float
    duration: float | None
    victims: int = 0
    ended: str = ""
    until: float | None = None
    hits: deque[str] = field(default_factory=lambda: deque(maxlen=8))
    struck: dict[str, None] = field(default_factory=dict)
    """The correlation ids of the flows that it hit, newest last: a set that keeps its order."""

    def remaining(self, now: float) -> float | None:
        """Seconds until it heals by itself; None: until somebody heals it."""
        return None if self.duration is None else max(0.0, self.since + self.duration - now)

    def strikes(self, correlation: str) -> None:
        """A flow of this story was hit."""
        self.struck.pop(correlation, None)
        self.struck[correlation] = None
        if len(self.struck) > STRUCK:
            del self.struck[next(iter(self.struck))]

    def touches(self, link: str) -> bool:
        """Whether it is a fault on this link."""
        return covers(self.target, link)

    def copy(self) -> FaultPicture:
        other = copy(self)
        other.hits, other.struck = self.hits.copy(), self.struck.copy()
        return other
