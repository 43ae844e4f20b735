"""Desk: what the person looks at in a run, without a screen: the selected link or process, the panel shown, the cursor,
the filter, and the dots that move along the wires."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Protocol

from lab.dashboard.flow_filter import Test, compile_filter
from lab.dashboard.keys import table
from lab.dashboard.layout import on_the_wire
from lab.dashboard.map_view import Scene
from lab.dashboard.panel import Panel, View
from lab.dashboard.shown import ShownRun
from lab.dashboard.traffic import Traffic
from lab.journal.event import Flow
from lab.journal.picture.run import RunPicture
from lab.system.kinds import engine_kinds

FIGURES_EVERY = 0.5
"""Seconds for which the figures on the map stand still, so that they can be read."""


class Stream(Protocol):
    """The fold of a panel whose list grows at its end."""

    def narrow(self, wanted: Test | None) -> None:
        """Show only what matches, from now on."""


class Desk:
    """`flush` ten times a second; everything else reads or sets what is looked at."""

    def __init__(self, run: ShownRun) -> None:
        self.run = run
        self.system, self.files = on_the_wire(run.system)
        """What is on the map: the System without databases that are only files."""
        self.traffic = Traffic()
        self.selection = next(
            iter([link.id for link in self.system.links] + [service.name for service in self.system.services]), ""
        )
        self.keys = table(run.live, [(panel.name, panel.titled(run.system), panel.help) for panel in run.panels])
        self.panel = run.panels[0]
        self.in_list = False
        """Whether arrows move in the list; else they move on the map."""
        self.filter_text = ""
        self.cursor: Hashable = None
        self.cursor_at = 0
        self.motion = 0.0
        """The clock of the dots, in seconds: it stands still while time does."""
        self._clock: float | None = None
        self._wanted: Test | None = None
        self._jumps = 0
        self._wired: frozenset[str] = frozenset()
        self._said: dict[tuple[str, int], list[tuple[str, str]]] = {}
        self._said_key: tuple[object, ...] = ()
        self._items: tuple[tuple[object, ...], Sequence[Any]] = ((), ())

    @property
    def picture(self) -> RunPicture:
        return self.run.picture

    def flush(self, clock: float) -> None:
        """Take in what came since the last flush."""
        run = self.run
        if self._clock is not None and not run.held:
            self.motion += clock - self._clock
        self._clock = clock
        events = run.flush(clock)
        if run.timeline.jumps != self._jumps:
            self._jumps = run.timeline.jumps
            self.traffic.clear()
            self._narrow()
        elif run.timeline.caught_up:
            flows = [event for event in events if isinstance(event, Flow)]
            self.traffic.see(flows, self.picture.links, self.picture.now, self.motion)
        self._wire_up()

    def scene(self, clock: float) -> Scene:
        """What the map is drawn from. Its figures change twice a second and when faults do."""
        faults = tuple((fault.id, fault.ended) for fault in self.picture.faults.values())
        key = (int(clock / FIGURES_EVERY), faults, self._jumps)
        if key != self._said_key:
            self._said, self._said_key = {}, key
        vitals = self.run.vitals if self.run.timeline.following else {}
        several = {
            service.name: tuple(process.name for process in self.picture.instances(service))
            for service in self.system.services
            if service.replicas is not None
        }
        return Scene(
            self.picture,
            self.traffic,
            self.motion,
            self.selection,
            vitals,
            self.files,
            several,
            self._said,
            frozenset(service.name for service in self.system.services if service.mine),
        )

    def view(self, panel: Panel) -> View:
        """What a panel is drawn from."""
        run = self.run
        return View(
            picture=self.picture,
            system=run.system,
            fold=run.fold(panel),
            vitals=run.vitals if run.timeline.following else {},
            selection=self.selection,
            live=run.live,
            held=run.held,
            filter_text=self.filter_text,
            wanted=self._wanted,
            recent=run.recent,
        )

    def set_filter(self, text: str) -> None:
        """Filter the streams. Raises BadFilter and keeps the old filter if the text cannot be understood."""
        self._wanted = compile_filter(text)
        self.filter_text = text
        self.cursor = None
        self._narrow()

    def pause(self) -> None:
        """Stop the clock: the whole screen stands still, and every line of the streams is there. Or let it go on."""
        self.cursor = None
        if self.run.held:
            self.run.timeline.go_on()
        else:
            self.run.timeline.pause(self.picture.now)

    def items(self) -> Sequence[Any]:
        """What the current panel has, in the order shown."""
        view = self.view(self.panel)
        if not view.held:
            return self.panel.items(view)
        # While time stands still a long list is made once.
        key = (self.panel.name, self.run.timeline.count, self._jumps, self.filter_text, self.selection)
        if self._items[0] != key:
            self._items = (key, self.panel.items(view))
        return self._items[1]

    def show(self, panel: Panel) -> None:
        self.panel = panel
        self.in_list = True
        self.cursor, self.cursor_at = None, 0

    def select(self, item: str) -> None:
        """Select a link or process; arrows and Enter are then about the map."""
        self.selection = item
        self.in_list = False
        self.cursor = None

    def move(self, by: int) -> None:
        """Move the cursor in the list. A stream is held still for that, so that the line stays."""
        if self.panel.stream and not self.run.held:
            if by >= 0:
                return
            self.pause()
        items = self.items()
        if not items:
            return
        at = self.position(items)
        if at is None:
            at = len(items) if self.panel.stream else -1 if by > 0 else 0
        at = max(0, min(len(items) - 1, at + by))
        self.cursor, self.cursor_at = self.panel.identity(items[at]), at
        self.selection = self.panel.picks(items[at]) or self.selection

    def newest(self) -> None:
        """Back to the newest line and to now."""
        self.run.timeline.follow()
        self.cursor, self.cursor_at = None, 0

    def position(self, items: Sequence[Any]) -> int | None:
        """Where the cursor's line is now; the nearest place if the line is gone."""
        if self.cursor is None or not items:
            return None
        identity = self.panel.identity
        for at, item in enumerate(items):
            if identity(item) == self.cursor:
                return at
        return min(self.cursor_at, len(items) - 1)

    def chosen(self) -> Any:
        """The item under the cursor, if there is a cursor; in a list without one, the newest or first line."""
        items = self.items()
        if not items:
            return None
        at = self.position(items)
        return items[at] if at is not None else items[-1 if self.panel.stream else 0]

    def _narrow(self) -> None:
        """The folds of streams are asked anew for what the filter wants: after a change of it or a step back."""
        for panel in self.run.panels:
            fold: Any = self.run.fold(panel)
            if panel.stream and fold is not None:
                stream: Stream = fold
                stream.narrow(self._wanted)

    def _wire_up(self) -> None:
        """An engine whose data is no file of ours stands on the map as soon as its tier is known."""
        kinds = {engine.name for engine in self.run.system.engines if engine_kinds()[engine.kind].files}
        processes = self.picture.processes
        wired = frozenset(name for name in kinds if name in processes and processes[name].tier not in ("", "embedded"))
        if wired != self._wired:
            self._wired = wired
            self.system, self.files = on_the_wire(self.run.system, wired)
