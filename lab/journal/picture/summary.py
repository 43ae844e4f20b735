"""A run in figures, for its end."""

from __future__ import annotations

from dataclasses import dataclass

from lab.journal.event import Load


@dataclass(frozen=True, slots=True)
class LinkSummary:
    """`p50` and `p99` in ms over the whole run, None where nothing was timed."""

    id: str
    protocol: str
    flows: int
    errors: int
    outcomes: dict[str, int]
    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class FaultSummary:
    id: str
    kind: str
    text: str
    owner: str
    victims: int
    ended: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The run in figures, for the end of a plain run. `entities`: how many of each kind ended in which state."""

    elapsed: float
    flows: int
    links: tuple[LinkSummary, ...]
    entities: dict[str, dict[str, int]]
    faults: tuple[FaultSummary, ...]
    restarts: dict[str, int]
    load: Load | None
