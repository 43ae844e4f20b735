"""Frame: what stands on the screen of a run, as Rows for each of its parts. Nothing here knows how they get there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lab.dashboard import bars, map_view, selection
from lab.dashboard.card import ends
from lab.dashboard.desk import Desk
from lab.dashboard.keys import Action, Key, fitting
from lab.dashboard.layout import Chart, arrange, nodes
from lab.dashboard.rows import BLANK, Row, note, selected, width_of
from lab.journal.event import Note
from lab.journal.picture.verdict import Verdict
from lab.locale import tr

WIDE = 100
"""Columns from which the short forms of panels stand beside the list."""
TALL = 22
SIDE = 47
"""Columns of the side, with the line to its left."""
FORM = 4
"""Rows that a short form at the side takes at least, with the empty one above it."""
FOOT = 3
"""Rows below the lists: what is selected, the faults that fit, the keys."""

ALWAYS: tuple[Action, ...] = ("open", "help", "quit")
"""What the foot names at any size."""
OFTEN: tuple[Action, ...] = (
    "heal", "more", "less", "pause", "back", "on", "faster", "slower", "filter", "type", "zoom", "side",
)  # fmt: skip
"""What it names besides, as far as there is room."""


BEHIND: tuple[Action, ...] = ("pause", "newest")
"""What it names first while something else is shown than what happens now."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many rows the parts get, where the screen is so wide and so high. Without a chart the map is a list."""

    width: int
    height: int
    story: int
    map: int
    chart: Chart | None
    items: tuple[str, ...]
    """Everything that can be selected, in order."""


def plan(desk: Desk, width: int, height: int) -> Plan:
    story = 2 if height >= TALL else 1
    room = height - 1 - story - FOOT
    tall = max(3, round(room * 0.52))
    chart = arrange(desk.system, width, tall) or arrange(desk.system, width, max(3, room - 6))
    if chart is not None:
        return Plan(width, height, story, chart.height, chart, map_view.items_of(chart))
    items = (*nodes(desk.system), *(link.id for link in desk.system.links))
    return Plan(width, height, story, max(2, min(len(items), room // 2)), None, items)


def top(desk: Desk, width: int, *, beside: bool) -> list[Row]:
    """What run it is; and what is lost, where that does not stand in the column `beside`."""
    return [bars.top(desk.run.about, desk.picture, width, counts=not beside)]


def story(desk: Desk, width: int, height: int) -> list[Row]:
    first = bars.WELCOME if desk.run.live else bars.RECORDING
    rows = bars.story(desk.picture, desk.run.banner, width, max(1, height), first)
    hint = () if desk.run.banner else _hint(desk)
    if rows and width_of(rows[-1]) + width_of(hint) < width:
        rows[-1] = (*rows[-1], *hint)
    elif hint and len(rows) < height:
        rows.append((("   ", "text"), *hint))
    return rows


def _hint(desk: Desk) -> Row:
    """The keys for what is told above the map: those that hold it, or that show all of it."""
    told = bars.told(desk.picture)
    over = isinstance(told, Note) and ends(told)
    digit = next((key.shown for key in desk.keys if key.panel == "notes"), "")
    if digit and (over or isinstance(told, Verdict)):
        shows = tr("shows what came of it") if over else tr("shows whom it hit")
        return ((f"  {digit} Enter ", "key"), (shows, "dim"))
    if told is None or over or not desk.run.live or desk.run.held:
        return ()
    return (("  Space ", "key"), (tr("holds it"), "dim"))


def map_rows(desk: Desk, plan: Plan, clock: float) -> list[Row]:
    scene = desk.scene(clock)
    if plan.chart is not None:
        return map_view.draw(plan.chart, scene)
    return map_view.listing(scene, plan.items, plan.width, plan.map)


def tabs(desk: Desk, width: int) -> list[Row]:
    panels = desk.run.panels
    titles = [each.titled(desk.run.system) for each in panels]
    return [bars.tabs(titles, panels.index(desk.panel), desk.panel.says(desk.view(desk.panel)), width)]


def list_rows(desk: Desk, width: int, height: int) -> list[Row]:
    """The current panel's list, with the cursor's line in it."""
    panel = desk.panel
    view = desk.view(panel)
    heading = panel.heading(view, width)
    room = max(0, height - len(heading))
    items = desk.items()
    at = desk.position(items)
    first = max(0, len(items) - room) if panel.stream else 0
    if at is not None:
        first = max(0, min(at - room // 2, len(items) - room))
    rows = [panel.row(item, view, width) for item in items[first : first + room]]
    if at is not None:
        rows = [selected(line, width) if first + n == at else line for n, line in enumerate(rows)]
    return heading + (rows or note(panel.empty(view), width))


def side(desk: Desk, width: int, height: int) -> list[Row]:
    """The short forms of the panels that have one, one below the other, and only as many as have room to say
    something."""
    views = [(panel, desk.view(panel)) for panel in desk.run.panels]
    forms = [(*form, wanted) for form in views if (wanted := len(form[0].side(form[1], width, height)))]
    # What the list shows at length need not stand beside it, unless there is nothing else.
    forms = [form for form in forms if form[0] is not desk.panel] or forms
    forms = forms[: max(1, height // FORM)]
    rooms = shares([wanted for *_, wanted in forms], height - len(forms) + 1)
    rows: list[Row] = []
    for (panel, view, _), room in zip(forms, rooms, strict=True):
        rows += [*([()] if rows else []), *panel.side(view, width, room)[:room]]
    return rows or note(tr("Nothing to show beside the list yet."), width)


def shares(wanted: Sequence[int], room: int) -> list[int]:
    """What each gets of the room: nobody more than he wants, nor more than another who wants more still."""
    given = [0] * len(wanted)
    while hungry := [number for number, want in enumerate(wanted) if given[number] < want][: max(0, room)]:
        for number in hungry:
            given[number] += 1
        room -= len(hungry)
    return given


def said(desk: Desk, width: int) -> list[Row]:
    """What is selected."""
    instances = desk.system.instances(desk.selection)
    words = selection.says(desk.selection, desk.picture, desk.view(desk.panel).vitals, instances)
    return [bars.selection_line(desk.selection, words, width)]


def faults(desk: Desk, width: int) -> list[Row]:
    """The keys that act on what is selected; of a recording those that act on time."""
    if desk.run.live:
        offered: Iterable[Key] = fitting(desk.keys, desk.selection, desk.system, desk.picture)
    else:
        offered = [key for key in desk.keys if key.group == "time"]
    return [bars.keys_line(offered, width)]


def often(desk: Desk, width: int) -> list[Row]:
    """The other keys."""
    by_action = {key.action: key for key in desk.keys}
    if desk.run.held:
        by_action["pause"] = replace(by_action["pause"], name=tr("go on"))
    first = () if desk.run.timeline.following else BEHIND
    offered = [by_action[action] for action in dict.fromkeys([*first, *OFTEN]) if action in by_action]
    if not desk.run.live:
        offered = [key for key in offered if key.group != "time"]
    return [bars.keys_line(offered, width, [by_action[action] for action in ALWAYS])]


def whole(desk: Desk, width: int, height: int) -> list[Row]:
    """All of it as it is before anything has happened and anything was pressed, `height` rows."""
    space = plan(desk, width, height)
    lower = max(0, height - 1 - space.story - space.map - 1 - FOOT)
    beside = SIDE if width >= WIDE else 0
    lists = _exactly(list_rows(desk, width - beside, lower), lower)
    if beside:
        column = _exactly(side(desk, beside - 1, lower), lower)
        lists = [
            (*left, (" " * (width - beside - width_of(left)), "text"), ("│", "dim"), *right)
            for left, right in zip(lists, column, strict=True)
        ]
    return [
        *top(desk, width, beside=beside > 0),
        *_exactly(story(desk, width, space.story), space.story),
        *_exactly(map_rows(desk, space, 0.0), space.map),
        *tabs(desk, width),
        *lists,
        *said(desk, width),
        *faults(desk, width),
        *often(desk, width),
    ][:height]


def _exactly(rows: Sequence[Row], height: int) -> list[Row]:
    return [*rows[:height], *[BLANK] * (height - len(rows))]
