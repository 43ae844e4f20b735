"""Breakers: whom each service calls through one, in which state that is, and calls in the code beside attempts."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from lab.dashboard import detail, figures
from lab.dashboard.panel import Panel, View
from lab.dashboard.rows import Row, clip, fit, right, row
from lab.journal.event import Event, Flow, Log
from lab.locale import mark, tr

MOST = 100
"""Breakers that are told apart; what comes after is left out."""
_INSTANCE = re.compile(r"-\d+$")
RING = 20
"""Outcomes that are shown of each."""

STATES = {"": ("·", "dim"), "closed": ("●", "ok"), "open": ("✕", "bad"), "half-open": ("◑", "warn")}
OUTCOMES = {
    "ok": ("●", mark("answered"), "ok"),
    "failed": ("✕", mark("given up"), "bad"),
    "open": ("○", mark("not let out"), "dim"),
    "full": ("■", mark("no free slot"), "warn"),
}


@dataclass(slots=True)
class Guard:
    """What stands before a neighbour: `since` when its breaker is in this state, `seconds` for which it stays open."""

    source: str
    name: str
    state: str = ""
    since: float = 0.0
    seconds: float = 0.0
    why: str = ""
    ring: deque[str] = field(default_factory=lambda: deque(maxlen=RING))
    outcomes: dict[str, int] = field(default_factory=dict)
    opened: int = 0
    probes: int = 0
    attempts: int = 0
    taken: int = 0
    slots: int = 0
    budget: float | None = None
    """Retries that its caller may still make; None if nothing limits them."""

    def copy(self) -> Guard:
        return replace(self, ring=self.ring.copy(), outcomes=self.outcomes.copy())

    @property
    def calls(self) -> int:
        return sum(self.outcomes.values())

    @property
    def link(self) -> str:
        return f"{self.source}->{self.name}"

    def left(self, now: float) -> float:
        """Seconds until a probe may go out."""
        return max(0.0, self.since + self.seconds - now)


class Breakers:
    """The fold of what services say of their calls and breakers, and of what the taps saw go out."""

    def __init__(self) -> None:
        self.of: dict[tuple[str, str], Guard] = {}
        self._early: Counter[tuple[str, str]] = Counter()
        """Attempts of callers that have not said anything yet: of a call, its line comes last."""

    def apply(self, event: Event) -> None:
        """Take a call, a change of a breaker or an attempt in."""
        if isinstance(event, Flow):
            if event.role == "call":
                self._attempt(event)
        elif isinstance(event, Log) and event.event == "breaker":
            self._changed(event)
        elif isinstance(event, Log) and event.event == "call":
            self._called(event)

    def copy(self) -> Breakers:
        other = Breakers()
        other.of = {key: guard.copy() for key, guard in self.of.items()}
        other._early = self._early.copy()
        return other

    def _attempt(self, flow: Flow) -> None:
        """One breaker stands before all instances of a neighbour."""
        key = flow.source, flow.target
        if key not in self.of:
            key = flow.source, _INSTANCE.sub("", flow.target)
        if guard := self.of.get(key):
            guard.attempts += 1
        elif key in self._early or len(self._early) < MOST:
            self._early[key] += 1

    def _changed(self, line: Log) -> None:
        guard, state = self._guard(line, "name"), str(line.data.get("state", ""))
        if guard and state in STATES:
            guard.state, guard.since = state, line.t
            guard.seconds, guard.why = line.number("seconds"), str(line.data.get("why") or "")
            guard.opened += state == "open"
            guard.probes += state == "half-open"

    def _called(self, line: Log) -> None:
        guard, outcome = self._guard(line, "neighbour"), str(line.data.get("outcome", ""))
        if guard and outcome in OUTCOMES:
            guard.ring.append(outcome)
            guard.outcomes[outcome] = guard.outcomes.get(outcome, 0) + 1
            guard.taken, guard.slots = int(line.number("taken")), int(line.number("slots"))
            guard.budget = line.number("budget") if "budget" in line.data else None

    def _guard(self, line: Log, of: str) -> Guard | None:
        key = line.source, str(line.data.get(of, ""))
        if key not in self.of and key[1] and len(self.of) < MOST:
            self.of[key] = Guard(*key, attempts=self._early.pop(key, 0))
        return self.of.get(key)


COLUMNS = ((mark("calls"), 8), (mark("wire"), 7), (mark("slots"), 7))
WHO, STATE = 19, 21


def _ring(width: int) -> int:
    return max(5, min(RING, width - WHO - STATE - sum(cells for _, cells in COLUMNS) - 3))


def _heading(_: View, width: int) -> list[Row]:
    columns = ((tr("caller → neighbour"), WHO), (tr("breaker"), STATE), (tr("latest"), _ring(width) - 1))
    words = "".join(fit(name, cells) for name, cells in columns)
    counts = "".join(right(tr(name), cells) for name, cells in COLUMNS)
    return [clip(row((f" {words} {counts}", "dim")), width)]


def _items(view: View) -> Sequence[Guard]:
    """Those that are not closed first: there may be no room for all."""
    found: Breakers = view.fold
    return sorted(found.of.values(), key=lambda guard: (guard.state in ("", "closed"), guard.source, guard.name))


def _state(guard: Guard, view: View) -> tuple[str, str]:
    symbol, style = STATES[guard.state]
    words = {
        "": tr("no breaker"),
        "closed": tr("closed"),
        "open": tr("open, {age} left", age=figures.age(guard.left(view.now))),
        "half-open": tr("half-open"),
    }
    return f"{symbol} {words[guard.state]}", style


def _row(guard: Guard, view: View, width: int) -> Row:
    state, style = _state(guard, view)
    recent = list(guard.ring)[-_ring(width) :]
    more = guard.attempts > guard.calls
    full = bool(guard.slots) and guard.taken >= guard.slots
    return clip(
        row(
            (f" {fit(f'{guard.source} → {guard.name}', WHO)}", "name"),
            (fit(state, STATE - 1) + " ", style),
            *((OUTCOMES[outcome][0], OUTCOMES[outcome][2]) for outcome in recent),
            " " * (_ring(width) - len(recent)),
            (right(figures.count(guard.calls), COLUMNS[0][1]), "text"),
            (right(figures.count(guard.attempts), COLUMNS[1][1]), "warn" if more else "text"),
            (right(_slots(guard), COLUMNS[2][1]), "warn" if full else "dim"),
        ),
        width,
    )


def _slots(guard: Guard) -> str:
    return f"{guard.taken}/{guard.slots}" if guard.slots else "-"


def _detail(guard: Guard, view: View) -> tuple[str, list[Row]]:
    state, _ = _state(guard, view)
    ended = [
        (f"{symbol} {tr(word)}", str(guard.outcomes.get(outcome, 0))) for outcome, (symbol, word, _) in OUTCOMES.items()
    ]
    pairs = [
        (tr("breaker"), state),
        (tr("why"), guard.why),
        (tr("opened"), f"{guard.opened}×"),
        (tr("probes"), str(guard.probes)),
        (tr("calls"), str(guard.calls)),
        *ended,
        (tr("wire"), tr("{count} attempts, seen on the wire", count=guard.attempts)),
        (tr("budget"), "" if guard.budget is None else tr("{left:g} retries left", left=guard.budget)),
        (tr("slots"), _slots(guard)),
    ]
    return f"{guard.source} → {guard.name}", detail.pairs(pairs)


def _side(view: View, width: int, height: int) -> list[Row]:
    guards = _items(view)[:height]
    return [
        clip(row((f" {fit(f'{guard.source} → {guard.name}', WHO)}", "name"), _state(guard, view)), width)
        for guard in guards
    ]


PANEL = Panel(
    name="breakers",
    title=mark("breakers"),
    help=tr("through which breaker each service calls its neighbours, and what becomes of the calls"),
    fold=Breakers,
    items=_items,
    identity=lambda guard: (guard.source, guard.name),
    row=_row,
    detail=_detail,
    empty=lambda _: tr("No breakers and no calls yet."),
    heading=_heading,
    side=_side,
    picks=lambda guard: guard.link,
)
