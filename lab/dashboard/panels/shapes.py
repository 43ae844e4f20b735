"""Shapes: the same system in several shapes, side by side under the same load, with all that differs."""

from __future__ import annotations

from collections.abc import Sequence

from lab.dashboard.panel import Panel, View
from lab.dashboard.rows import Row, clip, fit, row
from lab.journal import shapes
from lab.journal.shapes import Line, Shapes
from lab.locale import mark, tr

LABEL = 28
"""Cells of the first column."""


def _items(view: View) -> Sequence[Line]:
    found: Shapes = view.fold
    return found.lines(view.system, view.now) if found.of else []


def _heading(view: View, width: int) -> list[Row]:
    names = shapes.shapes(view.system)
    cells = "".join(fit(name, _cells(width, len(names))) for name in names)
    return [clip(row((f" {fit('', LABEL)}", "dim"), (cells, "title")), width)]


def _cells(width: int, count: int) -> int:
    """Cells of each shape's column."""
    return max(12, min(36, (width - LABEL - 2) // max(1, count)))


def _row(line: Line, _: View, width: int) -> Row:
    if line.of:
        return clip(row((f"   {line.label}", "name")), width)
    cells = "".join(fit(value, _cells(width, len(line.values)) - 1) + " " for value in line.values.values())
    return clip(row((f" {fit(line.label, LABEL)}", "text"), (cells, "strong")), width)


def _detail(line: Line, view: View) -> tuple[str, list[Row]]:
    """What a figure means; of imports also who imports whom."""
    rows = [row((f" {line.why}", "text")), ()] if line.why else []
    rows += [row((f" {name}  ", "name"), (value, "strong")) for name, value in line.values.items()]
    for one in _items(view):
        if one.of and (line.of or line.label == tr("imports across walls")):
            rows.append(row((f"   {one.label}", "name")))
    return line.label if line.values else line.of, rows


def _side(view: View, width: int, height: int) -> list[Row]:
    """The figures, as many as there is room for."""
    figures = [line for line in _items(view) if line.values]
    return [
        clip(row((f" {line.label}: ", "text"), (" | ".join(line.values.values()), "strong")), width)
        for line in figures[:height]
    ]


PANEL = Panel(
    name="shapes",
    title=mark("shapes"),
    help=tr("what differs between the shapes of the system"),
    fold=Shapes,
    items=_items,
    identity=lambda line: (line.label, line.of),
    row=_row,
    detail=_detail,
    empty=lambda _: tr("No visitor has asked for anything yet."),
    heading=_heading,
    side=_side,
)
