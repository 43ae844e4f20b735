"""Panel: one list of the screen as data. Each is a file in `panels/` with a PANEL in it; a System names its own."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from lab.dashboard import panels
from lab.dashboard.flow_filter import Test
from lab.dashboard.map_view import Vitals
from lab.dashboard.rows import Row
from lab.dashboard.timeline import Fold
from lab.journal.event import Event
from lab.journal.picture.run import RunPicture
from lab.locale import tr
from lab.system.model import System


class UnknownPanel(LookupError):
    """There is no panel of this name; the message says which there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a panel is drawn from: the run as it is at the head of time, and what the person looks at."""

    picture: RunPicture
    system: System
    fold: Any = None
    """What the panel's own fold made of the events; None if it has none."""
    vitals: Mapping[str, Vitals] = field(default_factory=dict)
    selection: str = ""
    live: bool = True
    held: bool = False
    """Whether time stands still, so that there is time to read everything."""
    filter_text: str = ""
    wanted: Test | None = None
    recent: Callable[[], Sequence[Event]] = tuple
    """Reads the last events up to the head from the journal."""

    @property
    def now(self) -> float:
        return self.picture.now


def _nothing(view: View, *_: int) -> list[Row]:  # noqa: ARG001 - the shape of every form
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """`items` are what the list has, in the order shown; `row` draws one of them on a line, `detail` tells all about it
    as a title and rows. An item is the same one a moment later if `identity` is equal."""

    name: str
    title: str | Callable[[System], str]
    help: str
    """What the list is about, in a few words."""
    items: Callable[[View], Sequence[Any]]
    identity: Callable[[Any], Hashable]
    row: Callable[[Any, View, int], Row]
    detail: Callable[[Any, View], tuple[str, list[Row]]]
    empty: Callable[[View], str]
    """Why there is nothing in the list."""
    fold: Callable[[], Fold] | None = None
    heading: Callable[[View, int], list[Row]] = _nothing
    """The rows above the list, for a width."""
    says: Callable[[View], Row] = lambda _: ()
    """What stands beside the tabs."""
    side: Callable[[View, int, int], list[Row]] = _nothing
    """The short form for the column at the side: at most so many rows for a width and a height; none is no form."""
    card: Callable[[View], list[Row]] = _nothing
    """What it adds to the card at the end of a scenario."""
    stream: bool = False
    """Whether the list grows at its end, can be filtered and is read in the order of time; its fold can `narrow`."""
    picks: Callable[[Any], str] = lambda _: ""
    """The link or process that an item stands for; moving to the item selects it on the map."""

    def titled(self, system: System) -> str:
        """What the list is called where this system is shown."""
        return tr(self.title) if isinstance(self.title, str) else self.title(system)


def find(name: str) -> Panel:
    """The panel of that name. Raises UnknownPanel."""
    known = {module.name for module in pkgutil.iter_modules(panels.__path__)}
    if name not in known:
        raise UnknownPanel(
            tr("there is no panel '{name}'; there are {known}", name=name, known=", ".join(sorted(known)))
        )
    found: Panel = import_module(f"{panels.__name__}.{name}").PANEL
    return found
