"""Desk: everything the run's screen knows, without a screen. It drains the feed, folds it, and remembers what the
person looks at: the selected link or process, the list shown, the cursor, the filter, the pause."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from time import perf_counter
from typing import Any, Literal, get_args

from lab.dashboard.bars import About
from lab.dashboard.feed import Feed, LiveFeed, ReplayFeed
from lab.dashboard.flow_filter import Test, compile_filter
from lab.dashboard.layout import on_the_wire
from lab.dashboard.lists import board, queues_by_name
from lab.dashboard.map_view import Scene, Vitals
from lab.dashboard.sampling import Sample
from lab.dashboard.traffic import Traffic
from lab.journal.event import Flow, Log
from lab.journal.picture.entity import EntityPicture
from lab.journal.picture.fault import FaultPicture
from lab.journal.picture.process import ProcessPicture
from lab.journal.picture.queue import QueuePicture
from lab.journal.picture.run import RunPicture
from lab.system.model import System

Tab = Literal["flows", "orders", "queues", "processes", "logs", "faults"]
TABS: tuple[Tab, ...] = get_args(Tab)
STREAMS = ("flows", "logs")
"""Lists that grow at their end; the others are tables that change in place."""

AT_ONCE = 1_000
"""Events folded before the clock is looked at."""

FLUSH_FOR = 0.03
"""Seconds that one flush may fold, so that a long journal does not hold up the keys."""

FIGURES_EVERY = 0.5
"""Seconds for which the figures on the map stand still, so that they can be read."""


class Desk:
    """`flush` ten times a second; everything else reads or sets what is looked at."""

    def __init__(self, feed: Feed, system: System, about: About, tapped: Collection[str] | None = None) -> None:
        self.feed = feed
        self.whole = system
        self.system, self.files = on_the_wire(system, tapped)
        """What is on the map: the System without databases that are only files."""
        self.about = about
        self.picture = RunPicture(system)
        self.traffic = Traffic()
        self.sample = Sample()
        self.vitals: dict[str, Vitals] = {}
        self.selection = next(
            iter([link.id for link in self.system.links] + [service.name for service in system.services]), ""
        )
        self.tab: Tab = "flows"
        self.in_list = False
        """Whether arrows move in the list; else they move on the map."""
        self.paused = False
        self.filter_text = ""
        self.cursor: Hashable = None
        self.cursor_at = 0
        self.banner = ""
        self.motion = 0.0
        """The clock of the dots, in seconds: it stands still while a replay does."""
        self._clock: float | None = None
        self._filter: Test | None = None
        self._still: dict[str, list[Any]] = {}
        self._said: dict[tuple[str, int], list[tuple[str, str]]] = {}
        self._said_key: tuple[object, ...] = ()

    @property
    def live(self) -> bool:
        return isinstance(self.feed, LiveFeed)

    def flush(self, clock: float, elapsed: float | None = None) -> None:
        """Take in what came since the last flush. `elapsed` is the live run's own time, if it is known."""
        if self._clock is not None and not (isinstance(self.feed, ReplayFeed) and self.feed.paused):
            self.motion += clock - self._clock
        self._clock = clock
        if isinstance(self.feed, ReplayFeed) and self.feed.rewound:
            self._anew()
            self.feed.rewound = False
        picture, flows = self.picture, []
        until = perf_counter() + FLUSH_FOR
        while True:
            events = self.feed.drain(clock, AT_ONCE)
            picture.apply_all(events)
            flows += [event for event in events if isinstance(event, Flow)]
            caught_up = len(events) < AT_ONCE
            if caught_up or perf_counter() > until:
                break
        if caught_up:
            self._let_time_pass(self.feed.head if isinstance(self.feed, ReplayFeed) else elapsed)
            self.traffic.see(flows, picture.links, picture.now, self.motion)
        if not self.paused:
            wanted = self._filter
            self.sample.take(flows if wanted is None else [flow for flow in flows if wanted(flow)])

    def _let_time_pass(self, now: float | None) -> None:
        """Rates fall and countdowns go on while nothing happens, as long as the run is there."""
        if now is not None and now > self.picture.now and not self.feed.ended:
            self.picture.now = now

    def scene(self, clock: float) -> Scene:
        """What the map is drawn from. Its figures change twice a second and when faults do."""
        faults = tuple((fault.id, fault.ended) for fault in self.picture.faults.values())
        key = (int(clock / FIGURES_EVERY), faults)
        if key != self._said_key:
            self._said, self._said_key = {}, key
        return Scene(self.picture, self.traffic, self.motion, self.selection, self.vitals, self.files, self._said)

    def set_filter(self, text: str) -> None:
        """Filter flows and logs. Raises BadFilter and keeps the old one if the text cannot be understood."""
        self._filter = compile_filter(text)
        self.filter_text = text
        self.cursor = None
        self.sample.clear()
        self.sample.take(self._matching_flows()[-200:])
        if self.paused:
            self._hold()

    def pause(self, on: bool) -> None:
        """Hold the streams still, with every flow in them; or let them go on, sampled."""
        self.paused = on
        self.cursor = None
        if on:
            self._hold()
        else:
            self._still = {}

    def items(self) -> Sequence[Any]:
        """What the current list has, in the order shown."""
        picture = self.picture
        if self.tab in STREAMS and self.paused:
            return self._still[self.tab]
        match self.tab:
            case "flows":
                return list(self.sample.lines)
            case "logs":
                return self._matching_logs()
            case "orders":
                return board(picture)
            case "queues":
                return queues_by_name(picture)
            case "processes":
                return list(picture.processes.values())
            case "faults":
                return sorted(picture.faults.values(), key=lambda fault: (bool(fault.ended), -fault.since))

    def show_tab(self, tab: Tab) -> None:
        self.tab = tab
        self.in_list = True
        self.cursor = None
        self.cursor_at = 0

    def move(self, by: int) -> None:
        """Move the cursor in the list. Moving up in a stream holds it still, so that the line stays."""
        if self.tab in STREAMS and not self.paused:
            if by >= 0:
                return
            self.pause(True)
        items = self.items()
        if not items:
            return
        at = self.position(items)
        if at is None:
            at = len(items) if self.tab in STREAMS else -1 if by > 0 else 0
        at = max(0, min(len(items) - 1, at + by))
        self.cursor, self.cursor_at = identity(items[at]), at
        if self.tab == "processes":
            self.selection = items[at].name

    def newest(self) -> None:
        """Back to the newest line, and on."""
        if self.tab in STREAMS:
            self.pause(False)
        self.cursor, self.cursor_at = None, 0

    def position(self, items: Sequence[Any]) -> int | None:
        """Where the cursor's line is now; the nearest place if the line is gone."""
        if self.cursor is None or not items:
            return None
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
        return items[at] if at is not None else items[-1 if self.tab in STREAMS else 0]

    def _hold(self) -> None:
        self._still = {"flows": self._matching_flows(), "logs": self._matching_logs()}

    def _matching_flows(self) -> list[Flow]:
        wanted = self._filter
        flows = self.picture.flows
        return list(flows) if wanted is None else [flow for flow in flows if wanted(flow)]

    def _matching_logs(self) -> list[Log]:
        wanted = self._filter
        process = self.selection if self.selection in self.picture.processes else ""
        return [
            log
            for log in self.picture.logs
            if (not process or log.source == process) and (wanted is None or wanted(log))
        ]

    def _anew(self) -> None:
        """The replay went back: fold it again from its start."""
        self.picture = RunPicture(self.whole)
        self.traffic.clear()
        self.sample.clear()
        self._still = {}
        if self.paused:
            self._hold()


def identity(item: object) -> Hashable:
    """What makes an item of a list the same one a moment later."""
    match item:
        case Flow() | Log():
            return item.seq
        case EntityPicture():
            return item.entity, item.id
        case QueuePicture() | ProcessPicture():
            return item.name
        case FaultPicture():
            return item.id
    return None
