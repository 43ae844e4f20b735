"""Entities: the things of the business, orders for example, each with its state and the messages sent on its way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lab.dashboard import bars, detail, figures
from lab.dashboard.panel import Panel, View
from lab.dashboard.rows import Row, clip, fit, note, right, row, width_of
from lab.journal.event import Event, Flow
from lab.journal.picture.entity import EntityPicture
from lab.locale import tr
from lab.system.entity import Mood
from lab.system.model import System

MOODS: Mapping[Mood, tuple[str, str]] = {
    "going-on": ("◌", "warn"),
    "good": ("●", "ok"),
    "bad": ("✕", "bad"),
    "neutral": ("○", "text"),
}
"""How the state of an entity is drawn: sign and style, in the order in which states are counted up."""

STUCK = 10.0
"""Seconds after which something that is neither done nor cancelled is called stuck."""

RECENT = 2_000
STEPS = 32


class Steps:
    """What was published under each correlation id: its routing keys in order, of the latest ids."""

    def __init__(self) -> None:
        self.steps: dict[str, tuple[str, ...]] = {}

    def apply(self, event: Event) -> None:
        if not isinstance(event, Flow) or event.role != "message" or not event.correlation:
            return
        if event.correlation not in self.steps and len(self.steps) >= RECENT:
            del self.steps[next(iter(self.steps))]
        known = self.steps.get(event.correlation, ())
        self.steps[event.correlation] = (*known, event.routing_key or event.key)[:STEPS]

    def copy(self) -> Steps:
        other = Steps()
        other.steps = dict(self.steps)
        return other


def board(view: View) -> Sequence[EntityPicture]:
    """The unfinished that wait longest come first, then the latest news."""
    known = view.picture.entities.values()
    waiting = [entity for entity in known if view.picture.mood(entity.entity, entity.state) == "going-on"]
    stuck = [entity for entity in waiting if view.now - entity.since >= STUCK]
    fresh = [entity for entity in waiting if view.now - entity.since < STUCK]
    going_on = {entity.id for entity in waiting}
    ended = [entity for entity in known if entity.id not in going_on]
    return sorted(stuck, key=lambda entity: entity.since) + fresh[::-1] + ended[::-1]


def tally(view: View) -> Row:
    """How many are in which state: `pending 3 · confirmed 120 · cancelled 4`."""
    parts: list[tuple[str, str]] = []
    order = list(MOODS)
    for kind, counts in view.picture.entity_counts.items():
        told = [(order.index(view.picture.mood(kind, state)), state, n) for state, n in counts.items() if n]
        for place, state, number in sorted(told):
            sign, style = MOODS[order[place]]
            parts.append((f"{sign} {number} {state}", style))
            parts.append(("  ", "dim"))
    return tuple(parts[:-1])


def entity_row(entity: EntityPicture, view: View, width: int) -> Row:
    mood = view.picture.mood(entity.entity, entity.state)
    sign, style = MOODS[mood]
    waited = view.now - entity.since
    line = row(
        (f" {short(entity.id)} ", "text"),
        (f"{sign} {fit(entity.state, 9)} ", style),
    )
    if mood == "going-on":
        word = tr("stuck") if waited >= STUCK else ""
        line += ((right(figures.age(waited), 6) + " ", "dim"), (word + " " if word else "", "bad"))
    else:
        line += ((right(figures.ms((entity.since - entity.born) * 1000), 6) + " ", "dim"),)
    if width >= 60:
        known: Steps = view.fold
        steps = [key.rpartition(".")[2] for key in known.steps.get(entity.correlation, ())]
        line += ((" → ".join(steps), "dim"),)
    if entity.reason:
        line += ((f" {entity.reason}" if width < 60 else f"  ({entity.reason})", style),)
    return clip(line, width)


def short(ident: str) -> str:
    """An id in ten cells."""
    return fit(ident if len(ident) <= 10 else f"{ident[:4]}…{ident[-5:]}", 10)


def _title(system: System) -> str:
    """`orders` where that is what the system counts first."""
    return tr("{entity}s", entity=system.entities[0].name) if system.entities else tr("entities")


def _empty(view: View) -> str:
    return tr(
        "No {title} yet. One begins with POST /{title} answered 2xx, or with a log line whose event is 'state'.",
        title=_title(view.system),
    )


def _heading(view: View, width: int) -> list[Row]:
    """How many are in which state, and whether anything is lost: where this is the list, nothing else says it."""
    counted = tally(view)
    if not counted:
        return []
    line, fate = (*row(" "), *counted), bars.fate(view.picture, width - 1)
    if width_of(line) + 3 + width_of(fate) <= width:
        return [(*line, *row("   "), *fate)]
    return [clip(line, width), (*row(" "), *fate)]


def _side(view: View, width: int, height: int) -> list[Row]:
    known = board(view)[: max(0, height - 3)]
    if not known and not view.system.entities:
        return []
    title = row((f" {_title(view.system)}", "title"))
    if not known:
        return [title, *note(_empty(view), width)]
    head = [title, (*row(" "), *tally(view)), (*row(" "), *bars.fate(view.picture, width - 1))]
    return [*head, *(entity_row(entity, view, width) for entity in known)]


PANEL = Panel(
    name="entities",
    title=_title,
    help=tr("where each of them stands"),
    fold=Steps,
    items=board,
    identity=lambda entity: (entity.entity, entity.id),
    row=entity_row,
    detail=lambda entity, view: (f"{entity.entity} {entity.id}", detail.story_of(entity.id, view)),
    empty=_empty,
    heading=_heading,
    side=_side,
)
