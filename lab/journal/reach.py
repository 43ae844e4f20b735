"""How far something reaches: which operations of visitors become slow or fail while it lasts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lab.journal.event import Flow
from lab.journal.operation import operation
from lab.journal.window import quantile

SLOW = 3.0
"""An operation is hit if half of its requests take so many times as long as otherwise, or some fail."""
LONG, MUCH = 150.0, 10.0
"""An endpoint is slow if half of its requests take so many milliseconds, and so many times as long as the others."""

Span = tuple[float, float]


class Visit(NamedTuple):
    """A request of a visitor that ended at `t` (seconds since the run's start); `what` names service and operation."""

    t: float
    ms: float
    what: str
    failed: bool

    @property
    def began(self) -> float:
        return self.t - self.ms / 1000


@dataclass(frozen=True, slots=True)
class Reach:
    """So many operations of those asked for were `hit`, and half of all requests took `times` as long as otherwise."""

    hit: int
    of: int
    times: float

    @property
    def percent(self) -> float:
        return 100.0 * self.hit / self.of if self.of else 0.0


def visit(flow: Flow) -> Visit:
    """The request that this flow is."""
    return Visit(flow.t, flow.ms or 0.0, f"{flow.target} {operation(flow.op)}", flow.failed)


def reach(visits: Iterable[Visit], spans: Sequence[Span]) -> Reach:
    """How far what lasted in these spans of time reached: those count that were under way meanwhile."""
    during, without = defaultdict[str, list[Visit]](list), defaultdict[str, list[Visit]](list)
    for one in visits:
        hit = any(began <= one.t and one.began <= ended for began, ended in spans)
        (during if hit else without)[one.what].append(one)
    usual = _middle(one for those in without.values() for one in those)
    then = _middle(one for those in during.values() for one in those)
    struck = sum(_struck(those, without[what]) for what, those in during.items())
    return Reach(struck, len(during), then / usual if usual else 0.0)


def slow_endpoint(visits: Sequence[Visit]) -> str:
    """The operation that is slow where the others are not; empty if none is."""
    asked = defaultdict[str, list[Visit]](list)
    for one in visits:
        asked[one.what].append(one)
    if not asked:
        return ""
    slowest = max(asked, key=lambda what: _middle(asked[what]))
    middle = _middle(asked[slowest])
    others = _middle(one for one in visits if one.what != slowest)
    return slowest if middle >= LONG and others and middle >= MUCH * others else ""


def spans_of(visits: Iterable[Visit], what: str) -> list[Span]:
    """When requests for it were under way."""
    return [(one.began, one.t) for one in visits if one.what == what]


def _struck(during: Sequence[Visit], without: Sequence[Visit]) -> bool:
    usual = _middle(without)
    return any(one.failed for one in during) or bool(usual and _middle(during) > SLOW * usual)


def _middle(visits: Iterable[Visit]) -> float:
    return quantile((one.ms for one in visits), 0.5)
