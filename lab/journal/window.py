"""A stretch of a run to be measured: what the taps and the services' own words say of it.

A day's `measures.py` is made of functions that take a Window and give a number or a word. Its scenarios name them in
their narration and questions, comparisons put them side by side, and its tests hold what the day claims.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import ceil

from lab.journal.event import Event, Flow, Log, Role
from lab.system.model import System

Measured = float | str
"""What a measure saw: a number, or the word of a choice."""


@dataclass(frozen=True, slots=True)
class Window:
    """The events of a run from `since` to `until`, in seconds since its start."""

    system: System
    events: Sequence[Event]
    since: float
    until: float

    @property
    def seconds(self) -> float:
        return self.until - self.since

    def flows(self, link: str = "*", op: str = "*", *, role: Role | None = None, outcome: str = "*") -> list[Flow]:
        """Those on links and with operations that fit the patterns (`*->broker`, `POST /charges*`)."""
        return [
            event
            for event in self.events
            if isinstance(event, Flow)
            and (role is None or event.role == role)
            and fnmatchcase(event.link, link)
            and fnmatchcase(event.op, op)
            and fnmatchcase(event.outcome, outcome)
        ]

    def logs(self, event: str = "*", source: str = "*") -> list[Log]:
        """The lines that services wrote with such an `event`, of services that fit the pattern (`orders*`)."""
        return [
            line
            for line in self.events
            if isinstance(line, Log) and fnmatchcase(line.event, event) and fnmatchcase(line.source, source)
        ]


def window(system: System, events: Iterable[Event], since: float, until: float) -> Window:
    """What of the events lies between."""
    return Window(system, tuple(_between(events, since, until)), since, until)


def quantile(values: Iterable[float | None], share: float) -> float:
    """The smallest value that so much (0–1) of them do not exceed; 0 of none. What was not timed does not count."""
    ordered = sorted(value for value in values if value is not None)
    if not ordered:
        return 0.0
    return ordered[max(0, ceil(len(ordered) * share) - 1)]


def worded(seen: Measured) -> str:
    """What was seen, for people: whole numbers whole, others with three digits that count."""
    if isinstance(seen, str):
        return seen
    if seen == int(seen) or abs(seen) >= 100:
        return f"{seen:,.0f}"
    return f"{seen:.3g}"


def _between(events: Iterable[Event], since: float, until: float) -> Iterator[Event]:
    for event in events:
        if event.t > until:
            return
        if event.t >= since:
            yield event
