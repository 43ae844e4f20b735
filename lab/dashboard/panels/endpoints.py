"""Endpoints: what each service is asked for, how often, how long that takes, and how often it fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.dashboard import detail, figures
from lab.dashboard.panel import Panel, View
from lab.dashboard.rows import Row, clip, fit, right, row
from lab.journal.event import Event, Flow
from lab.journal.measure import Meter, Spread
from lab.journal.operation import operation
from lab.locale import mark, tr

MOST = 200
"""Endpoints that are told apart; what comes after is left out."""


@dataclass(slots=True)
class Endpoint:
    """What was asked of a service in one way; `slowest` in ms."""

    target: str
    op: str
    meter: Meter = field(default_factory=Meter)
    spread: Spread = field(default_factory=Spread)
    failed: int = 0
    slowest: float = 0.0

    def copy(self) -> Endpoint:
        return Endpoint(self.target, self.op, self.meter.copy(), self.spread.copy(), self.failed, self.slowest)


class Endpoints:
    """The fold of calls into endpoints, by service and operation."""

    def __init__(self) -> None:
        self.of: dict[tuple[str, str], Endpoint] = {}

    def apply(self, event: Event) -> None:
        """Take a call to a service in; what is asked of stores is no endpoint."""
        if not isinstance(event, Flow) or event.role != "call" or event.protocol not in ("http", "grpc"):
            return
        key = event.target, operation(event.op)
        found = self.of.get(key)
        if found is None:
            if len(self.of) >= MOST:
                return
            found = self.of[key] = Endpoint(*key)
        found.meter.add(event.t)
        if event.ms is not None:
            found.spread.add(event.ms, event.t)
            found.slowest = max(found.slowest, event.ms)
        found.failed += event.failed

    def copy(self) -> Endpoints:
        other = Endpoints()
        other.of = {key: endpoint.copy() for key, endpoint in self.of.items()}
        return other


FIGURES = 39
"""Cells that the figures of a row take."""


def _asked(width: int) -> int:
    """Cells that there are for what is asked for."""
    return max(12, min(44, width - FIGURES - 15))


def _heading(_: View, width: int) -> list[Row]:
    columns = ((tr("/s"), 6), ("p50", 8), ("p99", 8), (tr("slowest"), 9), (tr("failed"), 8))
    words = "".join(right(name, cells) for name, cells in columns)
    return [clip(row((f" {fit(tr('service'), 12)} {fit(tr('asked for'), _asked(width))} {words}", "dim")), width)]


def _items(view: View) -> Sequence[Endpoint]:
    found: Endpoints = view.fold
    return [endpoint for _, endpoint in sorted(found.of.items())]


def _row(endpoint: Endpoint, view: View, width: int) -> Row:
    middle, late = endpoint.spread.lately(view.now, 0.5, 0.99)
    return clip(
        row(
            (f" {fit(endpoint.target, 12)} ", "name"),
            (fit(endpoint.op, _asked(width)) + " ", "strong"),
            (right(figures.count(endpoint.meter.rate(view.now)), 6), "text"),
            (right(figures.ms(middle) or "-", 8), "text"),
            (right(figures.ms(late) or "-", 8), "text"),
            (right(figures.ms(endpoint.slowest) or "-", 9), "dim"),
            (right(str(endpoint.failed), 8), "bad" if endpoint.failed else "dim"),
        ),
        width,
    )


def _detail(endpoint: Endpoint, _: View) -> tuple[str, list[Row]]:
    middle, late = endpoint.spread.overall(0.5, 0.99)
    pairs = [
        (tr("asked"), f"{endpoint.meter.total}×"),
        ("p50", figures.ms(middle) or "-"),
        ("p99", figures.ms(late) or "-"),
        (tr("slowest"), figures.ms(endpoint.slowest) or "-"),
        (tr("failed"), str(endpoint.failed)),
    ]
    return f"{endpoint.target}  {endpoint.op}", detail.pairs(pairs)


def _side(view: View, width: int, height: int) -> list[Row]:
    """The slowest of now, in short."""
    timed = [(endpoint.spread.lately(view.now, 0.5)[0] or 0.0, endpoint) for endpoint in _items(view)]
    slow = sorted(timed, key=lambda pair: pair[0], reverse=True)
    return [
        clip(row((f" {right(figures.ms(middle), 6)} ", "text"), (f"{endpoint.target} ", "name"), endpoint.op), width)
        for middle, endpoint in slow[:height]
        if middle
    ]


PANEL = Panel(
    name="endpoints",
    title=mark("endpoints"),
    help=tr("what each service is asked for, and how long that takes"),
    fold=Endpoints,
    items=_items,
    identity=lambda endpoint: (endpoint.target, endpoint.op),
    row=_row,
    detail=_detail,
    empty=lambda _: tr("No requests yet."),
    heading=_heading,
    side=_side,
    picks=lambda endpoint: endpoint.target,
)
