"""A fault as a run's events show it: until when it lasts, and what it has hit."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


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
