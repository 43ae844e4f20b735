"""Sagas: where each order stands on its way over several services, and who has to act next.

Nobody needs to say so: of each message that was published the panel learns who acted after it, and what was published
last about an order is what its next service has not answered yet. Where an orchestrator logs its steps (a line whose
event is `saga`), the step is shown, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from lab.dashboard import figures
from lab.dashboard.panel import Panel, View
from lab.dashboard.panels import entities
from lab.dashboard.panels.entities import MOODS, RECENT, STUCK, Steps
from lab.dashboard.rows import Row, clip, fit, right, row, whole, width_of
from lab.journal.event import Event, Flow, Log
from lab.journal.picture.entity import EntityPicture
from lab.locale import mark, tr
from lab.system.model import CLIENT

T = TypeVar("T")

LINES = 2
"""Rows in which those who wait are summed up, at most."""
OFTEN = 0.2
"""The share of all who act after a message that one needs to be waited for: a late duplicate is no habit."""


@dataclass(frozen=True, slots=True)
class Last:
    """The last message about something, and who published it."""

    key: str
    source: str
    t: float


class Ways(Steps):
    """What was published under each correlation id, who acts after which message, and the steps of orchestrators."""

    def __init__(self) -> None:
        super().__init__()
        self.last: dict[str, Last] = {}
        self.acts: dict[str, Counter[str]] = {}
        self.told: dict[str, str] = {}
        """The step of a saga by the id of what it is about."""

    def apply(self, event: Event) -> None:
        if isinstance(event, Log):
            if event.event == "saga":
                _keep(self.told, str(event.data.get("id", "")), str(event.data.get("step", "")))
            return
        if not isinstance(event, Flow) or not event.correlation or event.role not in ("message", "call"):
            return
        key = event.routing_key or event.key
        if event.role == "message" and (not event.exchange or ".retry" in key or ".dlq" in key):
            return  # it was put aside, and is not over
        last = self.last.get(event.correlation)
        if last is not None and event.source not in (last.source, CLIENT):
            self.acts.setdefault(last.key, Counter())[event.source] += 1
        if event.role == "message":
            super().apply(event)
            _keep(self.last, event.correlation, Last(key, event.source, event.t))

    def copy(self) -> Ways:
        other = Ways()
        other.steps, other.last, other.told = dict(self.steps), dict(self.last), dict(self.told)
        other.acts = {key: counts.copy() for key, counts in self.acts.items()}
        return other

    def awaited(self, correlation: str) -> tuple[str, tuple[str, ...]]:
        """The message that waits for an answer, and who gives it; nobody where that is not known yet."""
        last = self.last.get(correlation)
        if last is None:
            return "", ()
        counts = self.acts.get(last.key, Counter())
        return last.key, tuple(sorted(who for who, count in counts.items() if count >= OFTEN * counts.total()))


def _keep(known: dict[str, T], key: str, value: T) -> None:
    if key not in known and len(known) >= RECENT:
        del known[next(iter(known))]
    known[key] = value


def _waits(view: View) -> list[tuple[str, str, list[EntityPicture]]]:
    """Who is waited for with which message, and by which orders, most of them first."""
    ways: Ways = view.fold
    found: dict[tuple[str, str], list[EntityPicture]] = {}
    for one in view.picture.entities.values():
        if view.picture.mood(one.entity, one.state) == "going-on":
            key, who = ways.awaited(one.correlation)
            if key:
                found.setdefault((_services(view, who), key), []).append(one)
    return [(who, key, ones) for (who, key), ones in sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0]))]


def _services(view: View, processes: Sequence[str]) -> str:
    """Whose instances these are."""
    services = (view.system.service(name) for name in processes)
    return ", ".join(dict.fromkeys(service.name for service in services if service is not None)) or "?"


def _heading(view: View, width: int) -> list[Row]:
    rows = entities.PANEL.heading(view, width)
    parts: list[tuple[str, str]] = []
    for who, key, ones in _waits(view):
        oldest = max(view.now - one.since for one in ones)
        told = tr(
            "{count} for {who} ({message}, {age})", count=len(ones), who=who, message=key, age=figures.age(oldest)
        )
        parts.append((f"{told}  ", "warn" if oldest >= STUCK else "text"))
    if not parts:
        return [*rows, row((tr(" nobody waits"), "dim"))] if rows else []
    start = row((tr(" waiting "), "dim"))
    indent = width_of(start)
    for number in range(LINES):
        line = whole(parts, width - indent)
        rows = [*rows, (*(start if number == 0 else row(" " * indent)), *line)]
        parts = parts[len(line) :]
        if not parts:
            break
    return rows


def _row(entity: EntityPicture, view: View, width: int) -> Row:
    mood = view.picture.mood(entity.entity, entity.state)
    if mood != "going-on":
        return entities.PANEL.row(entity, view, width)
    ways: Ways = view.fold
    key, who = ways.awaited(entity.correlation)
    sign, style = MOODS[mood]
    waited = view.now - entity.since
    line = row(
        (f" {entities.short(entity.id)} ", "text"),
        (f"{sign} {fit(ways.told.get(entity.id) or entity.state, 10)} ", style),
        (right(figures.age(waited), 6) + " ", "bad" if waited >= STUCK else "dim"),
    )
    if key:
        line += row((f"{key} ▶ ", "dim"), (_services(view, who), "warn" if waited >= STUCK else "name"))
    return clip(line, width)


def _items(view: View) -> Sequence[EntityPicture]:
    return entities.board(view)


PANEL = Panel(
    name="sagas",
    title=mark("sagas"),
    help=tr("where each order stands, and who has to act next"),
    fold=Ways,
    items=_items,
    identity=entities.PANEL.identity,
    row=_row,
    detail=entities.PANEL.detail,
    empty=entities.PANEL.empty,
    heading=_heading,
    side=entities.PANEL.side,
)
