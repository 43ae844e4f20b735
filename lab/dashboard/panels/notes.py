"""Notes: what the scenario told and asked, what the lab remarked, and what each fault came to; to be read again."""

from __future__ import annotations

from collections.abc import Sequence

from lab.dashboard import bars, detail, figures
from lab.dashboard.card import card, ends
from lab.dashboard.panel import Panel, View
from lab.dashboard.rows import Row, clip, row
from lab.journal.event import Note
from lab.journal.picture.run import TOLD
from lab.journal.picture.verdict import Verdict
from lab.journal.plain import note_words
from lab.locale import mark, tr

STYLES = {"warning": "warn", "error": "bad"}


def _items(view: View) -> Sequence[Note | Verdict]:
    """The newest first: what the line above the map says now is what Enter opens."""
    told: list[Note | Verdict] = list(view.picture.notes)
    told += [verdict for verdict in view.picture.verdicts.of.values() if verdict.settled is not None]
    return sorted(told, key=_when)[::-1]


def _when(item: Note | Verdict) -> float:
    return item.t if isinstance(item, Note) else item.settled or 0.0


def _words(item: Note | Verdict, view: View) -> tuple[str, str]:
    if isinstance(item, Verdict):
        return bars.verdict_words(item, view.picture), "note"
    return note_words(item), STYLES.get(item.level, "text" if item.topic in TOLD else "dim")


def _row(item: Note | Verdict, view: View, width: int) -> Row:
    return clip(row((f" {figures.clock(_when(item))}  ", "dim"), _words(item, view)), width)


def _detail(item: Note | Verdict, view: View) -> tuple[str, list[Row]]:
    if isinstance(item, Note) and ends(item):
        return card(item, view.picture, view.system)
    rows: list[Row] = [row((" ", "text"), _words(item, view))]
    if isinstance(item, Verdict):
        fault = view.picture.faults.get(item.fault)
        rows += [(), *(detail.struck(fault, view) if fault else []), *detail.held_up(item, view)]
    return figures.clock(_when(item)), rows


PANEL = Panel(
    name="notes",
    title=mark("notes"),
    help=tr("what the scenario told, and what each fault came to"),
    items=_items,
    identity=lambda item: (type(item).__name__, _when(item)),
    row=_row,
    detail=_detail,
    empty=lambda _: tr("Nothing has been said yet."),
)
