"""A process, a service's or an engine's, as a run's events show it."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field

GONE = frozenset({"starting", "stopping", "stopped", "backoff", "failed", "removed"})
"""States in which a process holds no connection, so nothing is delivered to it."""
REMOVED = "removed"
"""The last state of an instance that was scaled away."""


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

    def copy(self) -> ProcessPicture:
        other = copy(self)
        other.breakers = dict(self.breakers)
        return other
