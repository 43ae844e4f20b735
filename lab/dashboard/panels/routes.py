"""Routes: who answers for which part of the shop, the old side or the new one, and whether the two say the same."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from lab.dashboard import detail, figures
from lab.dashboard.panel import Panel, View
from lab.dashboard.rows import Row, clip, fit, right, row
from lab.journal.event import Event, Log
from lab.locale import mark, tr

MOST = 100
"""Routes that are told apart; what comes after is left out."""
RING = 40
"""Answers that are shown of each, at most."""
FEWEST = 8
TOLD = 8
"""Answers that differed, of which the page of a route tells."""

# Modes are words of the table: the same in every language.
MODES = {"legacy": ("○", "text"), "shadow": ("◌", "accent"), "percent": ("◑", "warn"), "new": ("●", "ok")}
ANSWERS = {
    "old": ("○", mark("old"), "text"),
    "new": ("●", mark("new"), "ok"),
    "instead": ("!", mark("instead"), "warn"),
}


@dataclass(slots=True)
class Route:
    """A part of the shop: in which `mode` its row is, since when, and what became of its requests."""

    gateway: str
    name: str
    new: str = ""
    mode: str = ""
    share: int = 0
    fallback: bool = False
    since: float = 0.0
    ring: deque[str] = field(default_factory=lambda: deque(maxlen=RING))
    answers: dict[str, int] = field(default_factory=dict)
    compared: int = 0
    different: int = 0
    differed: deque[str] = field(default_factory=lambda: deque(maxlen=TOLD))

    def copy(self) -> Route:
        return replace(self, ring=self.ring.copy(), answers=self.answers.copy(), differed=self.differed.copy())

    @property
    def link(self) -> str:
        return f"{self.gateway}->{self.new}" if self.new else self.gateway


class Routes:
    """The fold of what a gateway says of its route table, of each answer, and of each comparison."""

    def __init__(self) -> None:
        self.of: dict[tuple[str, str], Route] = {}

    def apply(self, event: Event) -> None:
        """Take a change of a row, an answer or a comparison in."""
        if not isinstance(event, Log) or event.event not in ("route", "routed", "shadow"):
            return
        if (route := self._route(event)) is None:
            return
        if event.event == "route":
            self._changed(route, event)
        elif event.event == "routed":
            told = "instead" if event.data.get("instead") is True else "old"
            if route.new and event.data.get("target") == route.new:
                told = "new"
            route.ring.append(told)
            route.answers[told] = route.answers.get(told, 0) + 1
        else:
            route.compared += 1
            if event.data.get("same") is False:
                route.different += 1
                route.differed.append(str(event.data.get("path", "")))

    def copy(self) -> Routes:
        other = Routes()
        other.of = {key: route.copy() for key, route in self.of.items()}
        return other

    def _changed(self, route: Route, line: Log) -> None:
        mode, share = str(line.data.get("mode", "")), line.data.get("share")
        route.mode = mode if mode in MODES else ""
        route.share = share if isinstance(share, int) else 0
        route.fallback = line.data.get("fallback") is True
        route.new, route.since = str(line.data.get("new", "")), line.t

    def _route(self, line: Log) -> Route | None:
        key = line.source, str(line.data.get("route", ""))
        if key not in self.of and key[1] and len(self.of) < MOST:
            self.of[key] = Route(*key)
        return self.of.get(key)


NAME, MODE = 11, 18
# `instead`: the old side answered, for the new service was not there.
COLUMNS = ((mark("old"), 7), (mark("new"), 7), (mark("instead"), 9), (mark("differ"), 9))


def _ring(width: int) -> int:
    return max(FEWEST, min(RING, width - 1 - NAME - MODE - sum(cells for _, cells in COLUMNS)))


def _heading(_: View, width: int) -> list[Row]:
    columns = ((tr("path"), NAME), (tr("who answers"), MODE), (tr("last answers"), _ring(width)))
    words = "".join(fit(name, cells - 1) + " " for name, cells in columns)
    counts = "".join(right(tr(name), cells) for name, cells in COLUMNS)
    return [clip(row((f" {words}{counts}", "dim")), width)]


def _items(view: View) -> Sequence[Route]:
    """Those that can move first: of the others there is little to see."""
    found: Routes = view.fold
    return sorted(found.of.values(), key=lambda route: not route.new)


def _mode(route: Route) -> tuple[str, str]:
    symbol, style = MODES.get(route.mode, ("·", "dim"))
    words = {
        "percent": tr("new for {share} %", share=route.share),
        "new": tr("new, or legacy") if route.fallback else "new",
    }
    return f"{symbol} {words.get(route.mode, route.mode)}", style


def _differ(route: Route) -> str:
    return f"{route.different}/{route.compared}" if route.compared else "-"


def _row(route: Route, view: View, width: int) -> Row:  # noqa: ARG001 - the shape of every row
    mode, style = _mode(route)
    recent = list(route.ring)[-(_ring(width) - 1) :]
    instead = route.answers.get("instead", 0)
    counted = [(figures.count(route.answers.get(who, 0)), "text") for who in ("old", "new")]
    counted += [(figures.count(instead), "warn" if instead else "dim")]
    counted += [(_differ(route), "bad" if route.different else "text" if route.compared else "dim")]
    return clip(
        row(
            (f" {fit(f'/{route.name}', NAME - 1)} ", "name"),
            (fit(mode, MODE - 1) + " ", style),
            *((ANSWERS[who][0], ANSWERS[who][2]) for who in recent),
            " " * (_ring(width) - len(recent)),
            *((right(said, cells), style) for (said, style), (_, cells) in zip(counted, COLUMNS, strict=True)),
        ),
        width,
    )


def _detail(route: Route, view: View) -> tuple[str, list[Row]]:
    mode, _ = _mode(route)
    pairs = [
        (tr("who answers"), mode),
        (tr("unchanged for"), figures.age(max(0.0, view.now - route.since))),
        (tr("new service"), route.new or tr("none yet")),
        *((f"{symbol} {tr(word)}", str(route.answers.get(who, 0))) for who, (symbol, word, _) in ANSWERS.items()),
        (tr("compared"), str(route.compared)),
        (tr("different"), str(route.different)),
        *(("", path) for path in route.differed),
    ]
    return f"/{route.name}", detail.pairs(pairs)


def _side(view: View, width: int, height: int) -> list[Row]:
    return [
        clip(row((f" {fit(f'/{route.name}', NAME)} ", "name"), _mode(route)), width) for route in _items(view)[:height]
    ]


PANEL = Panel(
    name="routes",
    title=mark("routes"),
    help=tr("who answers for which path, and whether old and new say the same"),
    fold=Routes,
    items=_items,
    identity=lambda route: (route.gateway, route.name),
    row=_row,
    detail=_detail,
    empty=lambda _: tr("No gateway has told of its routes yet."),
    heading=_heading,
    side=_side,
    picks=lambda route: route.link,
)
