"""Replicas: the instances of each replicated service, which of them get requests, and what each makes of its share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.dashboard import detail, figures, glyphs
from lab.dashboard.map_view import PROCESS_STYLE
from lab.dashboard.panel import Panel, View
from lab.dashboard.rows import Row, clip, fit, right, row
from lab.journal.event import Event, Flow
from lab.journal.measure import WINDOW, Meter, Spread
from lab.journal.picture.process import ProcessPicture
from lab.locale import mark, tr, trn

PROBES = ("GET /readyz", "GET /healthz")
"""What a balancer asks, and no visitor."""
MOST = 100
"""Instances that are told apart; what comes after is left out."""


@dataclass(slots=True)
class Work:
    """What one instance was asked."""

    meter: Meter = field(default_factory=Meter)
    spread: Spread = field(default_factory=Spread)
    failed: int = 0
    busy: dict[int, float] = field(default_factory=dict)
    """Milliseconds of answers that were given in a second, by the second."""

    def add(self, flow: Flow) -> None:
        self.meter.add(flow.t)
        self.failed += flow.failed
        if flow.ms is not None:
            self.spread.add(flow.ms, flow.t)
            second = int(flow.t)
            self.busy[second] = self.busy.get(second, 0.0) + flow.ms
            for old in [one for one in self.busy if one < second - WINDOW]:
                del self.busy[old]

    def in_flight(self, now: float) -> float:
        """How many requests it works on at a time: Little's law, rate × time, over the last whole seconds."""
        last = int(now)
        return sum(ms for second, ms in self.busy.items() if last - WINDOW <= second < last) / 1000 / WINDOW

    def copy(self) -> Work:
        return Work(self.meter.copy(), self.spread.copy(), self.failed, self.busy.copy())


class Replicas:
    """The fold of calls into the work of each process that was called."""

    def __init__(self) -> None:
        self.of: dict[str, Work] = {}

    def apply(self, event: Event) -> None:
        """Take a call in."""
        if not isinstance(event, Flow) or event.role != "call" or event.op in PROBES:
            return
        if event.target not in self.of:
            if len(self.of) >= MOST:
                return
            self.of[event.target] = Work()
        self.of[event.target].add(event)

    def copy(self) -> Replicas:
        other = Replicas()
        other.of = {name: work.copy() for name, work in self.of.items()}
        return other


@dataclass(frozen=True, slots=True)
class Instance:
    """A process of a replicated service with its work; `share` is its part of what the service was asked lately."""

    process: ProcessPicture
    work: Work
    share: float


COLUMNS = (("/s", 6), ("p50", 7), ("p95", 7), (mark("in flight"), 10), (mark("failed"), 7))
WHO, STATE, PERCENT = 13, 12, 5
BAR = 20


def _bar(width: int) -> int:
    """Cells that there are for the share as a bar."""
    return max(4, min(BAR, width - 1 - WHO - STATE - PERCENT - sum(cells for _, cells in COLUMNS) - 2))


def _items(view: View) -> Sequence[Instance]:
    found: Replicas = view.fold
    items: list[Instance] = []
    for service in view.system.services:
        if service.replicas is None:
            continue
        works = [(process, found.of.get(process.name, Work())) for process in view.picture.instances(service)]
        total = sum(work.meter.rate(view.now) for _, work in works)
        items += [Instance(one, work, work.meter.rate(view.now) / total if total else 0.0) for one, work in works]
    return items


def _heading(_: View, width: int) -> list[Row]:
    words = fit(tr("instance"), WHO) + fit(tr("state"), STATE) + fit(tr("share"), _bar(width) + PERCENT + 1)
    counts = "".join(right(tr(name), cells) for name, cells in COLUMNS)
    return [clip(row((f" {words}{counts}", "dim")), width)]


def _row(item: Instance, view: View, width: int) -> Row:
    process, work = item.process, item.work
    middle, late = work.spread.lately(view.now, 0.5, 0.95)
    cells = _bar(width)
    return clip(
        row(
            (f" {fit(process.name, WHO)}", "name"),
            _state(process, STATE),
            (right(f"{100 * item.share:.0f}%", PERCENT) + " ", "strong" if item.share else "dim"),
            ("█" * round(cells * item.share), "accent"),
            " " * (cells - round(cells * item.share)),
            (right(figures.count(work.meter.rate(view.now)), COLUMNS[0][1]), "text"),
            (right(figures.ms(middle) or "-", COLUMNS[1][1]), "text"),
            (right(figures.ms(late) or "-", COLUMNS[2][1]), "text"),
            (right(figures.count(work.in_flight(view.now)), COLUMNS[3][1]), "text"),
            (right(str(work.failed), COLUMNS[4][1]), "bad" if work.failed else "dim"),
        ),
        width,
    )


def _state(process: ProcessPicture, cells: int) -> tuple[str, str]:
    style = PROCESS_STYLE.get(process.state, "warn")
    return fit(f"{glyphs.STATE.get(process.state, '?')} {tr(process.state)}", cells - 1) + " ", style


def _says(view: View) -> Row:
    """How many there are of each service."""
    several = [service for service in view.system.services if service.replicas is not None]
    parts = [
        trn("{name}: {count} instance", "{name}: {count} instances", count, name=service.name)
        for service in several
        if (count := len(view.picture.instances(service)))
    ]
    return row((" · ".join(parts), "dim"))


def _detail(item: Instance, view: View) -> tuple[str, list[Row]]:
    process, work = item.process, item.work
    middle, late, latest = work.spread.overall(0.5, 0.95, 0.99)
    pairs = [
        (tr("asked"), f"{work.meter.total}×"),
        (tr("share now"), f"{100 * item.share:.0f}%"),
        ("p50", figures.ms(middle) or "-"),
        ("p95", figures.ms(late) or "-"),
        ("p99", figures.ms(latest) or "-"),
        (tr("in flight"), tr("{count}, as rate × time", count=figures.count(work.in_flight(view.now)))),
        (tr("failed"), str(work.failed)),
    ]
    return process.name, [*detail.pairs(pairs), (), *detail.of_process(process, view)[1]]


def _side(view: View, width: int, height: int) -> list[Row]:
    cells = max(2, width - 24)
    return [
        clip(
            row(
                (f" {fit(item.process.name, 12)}", "name"),
                (f"{glyphs.STATE.get(item.process.state, '?')} ", PROCESS_STYLE.get(item.process.state, "warn")),
                (right(f"{100 * item.share:.0f}%", 4) + " ", "text"),
                ("█" * round(cells * item.share), "accent"),
            ),
            width,
        )
        for item in _items(view)[:height]
    ]


def _empty(view: View) -> str:
    if any(service.replicas is not None for service in view.system.services):
        return tr("No instance has reported yet: the runtime is still starting.")
    return tr("No service of this system is replicated.")


PANEL = Panel(
    name="replicas",
    title=mark("replicas"),
    help=tr("instances, which of them get requests, and how each does; ] and [ on the map scale"),
    fold=Replicas,
    items=_items,
    identity=lambda item: item.process.name,
    row=_row,
    detail=_detail,
    empty=_empty,
    heading=_heading,
    says=_says,
    side=_side,
    picks=lambda item: item.process.name,
)
