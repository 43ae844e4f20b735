"""A toy panel: which keys of a cache are read, and how often they were there. This file is all of it."""

from __future__ import annotations

from collections.abc import Sequence

from lab.dashboard.panel import Panel, View
from lab.dashboard.rows import Row, row
from lab.journal.event import Event, Flow


class Reads:
    """By key: how often it was asked for, and how often it was found."""

    def __init__(self) -> None:
        self.of: dict[str, tuple[int, int]] = {}

    def apply(self, event: Event) -> None:
        if isinstance(event, Flow) and event.hit is not None:
            asked, found = self.of.get(event.key, (0, 0))
            self.of[event.key] = asked + 1, found + event.hit

    def copy(self) -> Reads:
        other = Reads()
        other.of = dict(self.of)
        return other


def _items(view: View) -> Sequence[tuple[str, int, int]]:
    reads: Reads = view.fold
    return [(key, asked, found) for key, (asked, found) in sorted(reads.of.items())]


def _row(item: tuple[str, int, int], view: View, width: int) -> Row:  # noqa: ARG001 - the shape of every row
    key, asked, found = item
    return row(f" {key}: {found} of {asked} found")


PANEL = Panel(
    name="reads",
    title="reads",
    help="which keys are read, and how often they are there",
    fold=Reads,
    items=_items,
    identity=lambda item: item[0],
    row=_row,
    detail=lambda item, view: (item[0], [_row(item, view, 80)]),
    empty=lambda _: "Nothing was read yet.",
    side=lambda view, width, height: [_row(item, view, width) for item in _items(view)[:height]],
)
