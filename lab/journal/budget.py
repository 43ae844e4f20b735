"""The error budget: how many requests of visitors may go wrong, how many did, and which fault cost them.

The objective is that of so many requests one share is good: answered, by no 5xx, and soon. What is left to one hundred
percent may be spent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from lab.journal.event import Event, FaultChange, Flow, Note
from lab.locale import tr
from lab.system.links import ends
from lab.system.model import CLIENT

OBJECTIVE = 0.99
SOON = 500.0
"""Milliseconds."""
AFTERMATH = 5.0
"""Seconds after a fault for which it may still be the reason: a killed process starts again, a breaker closes."""
OPERATORS = ("PUT /routes/*",)
"""What no visitor asks for, but who runs the shop."""
REMEMBERED = 2_000


@dataclass(frozen=True, slots=True)
class Spent:
    """What visitors had of one fault, or of none (`fault` is empty then): of `requests` meanwhile `failed` had a 5xx or
    no answer, and `slow` ones came late. `victims` is what the fault itself hit."""

    fault: str = ""
    text: str = ""
    began: float = 0.0
    ended: float | None = None
    victims: int = 0
    requests: int = 0
    failed: int = 0
    slow: int = 0
    shown: int = 0
    """Of the bad ones those that the wire shows it on; the others were only under way meanwhile."""

    @property
    def bad(self) -> int:
        return self.failed + self.slow


@dataclass(slots=True)
class Budget:
    """The fold. Each request is charged to one fault: to the one that touched a part of it, which the wire has shown;
    else to the latest that stood meanwhile, or had ended shortly before."""

    of: dict[str, Spent] = field(default_factory=lambda: {"": Spent()})
    touched: dict[str, str] = field(default_factory=dict)
    """The fault that touched something of a request, by the request's correlation id."""
    over: bool = False
    """The scenario has ended: whoever is still there is cut off by the end of the run, and not by a fault."""

    def apply(self, event: Event) -> None:
        if isinstance(event, FaultChange):
            self._changed(event)
        elif isinstance(event, Flow):
            if event.faults and event.correlation:
                self.touched[event.correlation] = event.faults[-1]
                if len(self.touched) > REMEMBERED:
                    del self.touched[next(iter(self.touched))]
            if asked_by_visitor(event) and not self.over:
                self._charge(event)
        elif isinstance(event, Note) and event.topic == "scenario" and event.data.get("over"):
            self.over = True

    def copy(self) -> Budget:
        return Budget(dict(self.of), dict(self.touched), self.over)

    @property
    def faults(self) -> list[Spent]:
        """What each fault cost, in the order in which they began."""
        return [spent for ident, spent in self.of.items() if ident]

    @property
    def requests(self) -> int:
        return sum(spent.requests for spent in self.of.values())

    @property
    def bad(self) -> int:
        return sum(spent.bad for spent in self.of.values())

    @property
    def allowed(self) -> float:
        """So many requests may go wrong."""
        return self.requests * (1 - OBJECTIVE)

    def percent(self, bad: int) -> float:
        """How much of the budget so many bad requests are."""
        return 100 * bad / self.allowed if self.allowed else 0.0

    def _changed(self, change: FaultChange) -> None:
        known = self.of.get(change.id)
        if change.change == "added" or known is None:
            began = change.t if change.since is None else change.since
            self.of[change.id] = replace(known or Spent(fault=change.id), text=change.text, began=began)
        if change.change in ("healed", "expired"):
            self.of[change.id] = replace(self.of[change.id], ended=change.t, victims=change.victims)

    def _charge(self, flow: Flow) -> None:
        shown = self.touched.get(flow.correlation, "")
        ident = shown or self._standing(flow)
        spent = self.of.get(ident, self.of[""])
        failed, slow = went_wrong(flow)
        self.of[spent.fault] = replace(
            spent,
            requests=spent.requests + 1,
            failed=spent.failed + failed,
            slow=spent.slow + slow,
            shown=spent.shown + bool(shown and (failed or slow)),
        )

    def _standing(self, flow: Flow) -> str:
        began = flow.t - (flow.ms or 0.0) / 1000
        for ident, spent in reversed(self.of.items()):
            if ident and spent.began <= flow.t and (spent.ended is None or began <= spent.ended + AFTERMATH):
                return ident
        return ""


def asked_by_visitor(flow: Flow) -> bool:
    """Whether the flow is a visitor's request, or an attempt at one that found nobody to connect to."""
    refused = flow.role == "connection" and flow.outcome == "refused"
    visitor = (flow.role == "call" or refused) and ends(flow.link)[0] == CLIENT
    return visitor and not any(fnmatchcase(flow.op, pattern) for pattern in OPERATORS)


def went_wrong(flow: Flow) -> tuple[bool, bool]:
    """Whether the request failed, or else came too late."""
    return flow.failed, not flow.failed and (flow.ms or 0.0) > SOON


def words(found: Budget) -> str:
    """The objective, and what is left of it."""
    percent = found.percent(found.bad)
    return tr(
        "objective {objective:.0%} good within {soon:.0f} ms: {bad} of {requests} bad, {allowed:.1f} allowed, "
        "{percent:.0f}% spent",
        objective=OBJECTIVE,
        soon=SOON,
        bad=found.bad,
        requests=found.requests,
        allowed=found.allowed,
        percent=percent,
    )


def budget(events: Iterable[Event]) -> Budget:
    """The budget after these events."""
    found = Budget()
    for event in events:
        found.apply(event)
    return found
