"""ShownRun: one run as the screen has it, live or recorded. It follows the run's journal file; while the run lives it
also asks the control API for what only the runtime knows, and passes on what the person wants."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Literal

from lab.dashboard import control, figures
from lab.dashboard.bars import About
from lab.dashboard.control import Controls
from lab.dashboard.keys import Decision
from lab.dashboard.map_view import Vitals
from lab.dashboard.panel import Panel, find
from lab.dashboard.timeline import Fold, Timeline
from lab.journal.ending import ending
from lab.journal.event import Event
from lab.journal.picture.run import RunPicture
from lab.locale import tr
from lab.runtime.api import RunStatus
from lab.system.model import System

POLL = 1.0
"""Seconds between two looks at what only the runtime knows (cpu, memory, its clock)."""

SOON = 0.1
"""Seconds after the beginning in which the first frame is drawn and nothing else is done."""

BUDGET = 0.05
"""Seconds that one flush may fold, so that a long journal does not hold up the keys."""

RECENT = 20_000
"""Events among which a story is looked for."""


class Folds:
    """All that a run's events add up to: its picture, and what each panel makes of them."""

    def __init__(self, picture: RunPicture, of: dict[str, Fold]) -> None:
        self.picture = picture
        self.of = of
        """The folds of the panels that have one, by the panel's name."""
        self._each = tuple(of.values())

    def apply(self, event: Event) -> None:
        self.picture.apply(event)
        for fold in self._each:
            fold.apply(event)

    def copy(self) -> Folds:
        return Folds(self.picture.copy(), {name: fold.copy() for name, fold in self.of.items()})


class ShownRun:
    """`flush` ten times a second and read the attributes; `follow` is a task that goes on as long as the run lives.

    A live run is controlled through what `connect` gives, and `gone` tells whether its runtime is no more; a recorded
    run has neither. It is shown from its journal alone, so what `connect` needs is loaded after the first frame.
    """

    def __init__(
        self,
        journal: Path,
        system: System,
        about: About,
        connect: Callable[[], Controls] | None = None,
        gone: Callable[[], bool] = lambda: True,
    ) -> None:
        self.system = system
        self.panels: tuple[Panel, ...] = tuple(find(name) for name in system.panels_shown)
        self.live = connect is not None
        self.vitals: dict[str, Vitals] = {}
        folds = Folds(RunPicture(system), {panel.name: panel.fold() for panel in self.panels if panel.fold})
        self.timeline = Timeline(journal, folds)
        self._connect = connect
        self._controls: Controls | None = None
        self._gone = gone
        self._about = about
        self.trouble = ""
        """What is wrong with the run as a whole, as its runtime says."""
        self._ahead: float | None = None
        """The live run's time minus the monotonic clock's, once the run has told it."""
        if not self.live:
            self.timeline.closed = True
            self.timeline.seek(0.0)

    @property
    def picture(self) -> RunPicture:
        return self.timeline.state.picture

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.timeline.closed

    @property
    def about(self) -> About:
        """What the top line says, with where the head of time is."""
        timeline = self.timeline
        if timeline.paused:
            state = "paused"
        elif timeline.ended:
            state = "ended"
        elif not self.live:
            state = "replay"
        elif not timeline.following:
            state = "earlier"
        elif self._about.run == "starting" and ending(self.picture.notes).state == "ready":
            state = "live"  # so says the journal; the runtime has not been asked yet
        else:
            state = self._about.run
        behind = 0.0 if self.over else self._about.behind
        return replace(self._about, state=state, speed=None if self.live else timeline.speed, behind=behind)

    @property
    def banner(self) -> str:
        """The loud line: what is wrong with the run, or that this is its end."""
        if self.over:
            return self._last_word() if self.timeline.ended else ""
        return self.trouble

    @property
    def stillborn(self) -> bool:
        """Whether it is a live run that ended before anything happened: whoever started it knows why."""
        return self.live and self.timeline.ended and not self.timeline.count

    @property
    def held(self) -> bool:
        """Whether time stands still."""
        return self.timeline.paused

    def fold(self, panel: Panel) -> Fold | None:
        """What the panel's own fold has made of the events up to the head."""
        return self.timeline.state.of.get(panel.name)

    def recent(self) -> Sequence[Event]:
        return self.timeline.recent(RECENT)

    def flush(self, clock: float) -> list[Event]:
        """Take in what has come up to the head of time; the events that were taken in."""
        timeline = self.timeline
        elapsed = None if self._ahead is None or self.over else clock + self._ahead
        if elapsed is not None and not timeline.following and timeline.head >= elapsed:  # after now there is nothing
            if timeline.paused:
                timeline.head = elapsed
            else:
                timeline.follow()
        events = timeline.advance(clock, BUDGET)
        now = elapsed if timeline.following else timeline.head
        # Rates fall and countdowns go on while nothing happens, as long as the run is there.
        if timeline.caught_up and not timeline.ended and now is not None and now > self.picture.now:
            self.picture.now = now
        return events

    def to_now(self) -> None:
        """Show the run as it is now, whatever is shown: what is about to act on it must know it."""
        if not self.timeline.following:
            self.timeline.follow()
            self.timeline.advance(monotonic())

    async def follow(self) -> None:
        """Ask the runtime once a second, until the run is over."""
        await asyncio.sleep(SOON)
        while not self.over:
            # Looked at before the file is read again, so that nothing which was written before is missed.
            if self._gone():
                self.timeline.closed = True
                self._ahead = None
                return
            try:
                self._hear(await self.controls().run())
            except Exception:
                self._ahead = None  # A slow answer is not the end.
            await asyncio.sleep(POLL)

    async def leave(self, *, stop: bool) -> None:
        """The person leaves. With `stop` the live run is asked to end, unless it has."""
        if stop and not self.over:
            with suppress(Exception):  # It does not answer yet, or it went in this moment, which was wanted.
                await self.controls().stop()
        if self._controls is not None:
            await self._controls.close()

    async def carry_out(self, decision: Decision) -> str:
        """Do what a key was decided to mean, and say in one line what was done. Raises ControlError."""
        return await self._ask(lambda controls: control.carry_out(controls, decision))

    async def heal_all(self) -> str:
        frozen = [process.name for process in self.picture.processes.values() if process.state == "frozen"]
        return await self._ask(lambda controls: control.heal_all(controls, frozen))

    async def change_load(self, to: Literal["up", "down"]) -> str:
        return await self._ask(lambda controls: control.change_load(controls, to))

    async def predict(self, ident: str, says: str) -> None:
        """Answer the scenario's question that waits. Raises ControlError."""
        await self.controls().predict(ident, says)

    async def _ask(self, what: Callable[[Controls], Awaitable[str]]) -> str:
        return await what(self.controls())

    def controls(self) -> Controls:
        """The live run's control API."""
        assert self._connect is not None, "a recording is asked nothing"
        if self._controls is None:
            self._controls = self._connect()
        return self._controls

    def _hear(self, status: RunStatus) -> None:
        self.vitals = {process.name: Vitals(process.cpu, process.rss) for process in status.processes}
        self._ahead = status.elapsed - monotonic()
        behind = status.elapsed - self.picture.now
        self._about = replace(
            self._about,
            seed=status.seed,
            scenario=status.scenario,
            tiers=tuple(status.tiers.items()),
            behind=behind if self.timeline.following and self.picture.seq and behind > 3 else 0.0,
            run="live" if status.state == "ready" else status.state,
        )
        match status.state:
            case "failed":
                self.trouble = tr("The run failed: {reason}", reason=status.reason)
            case "ready" if status.reason:  # the journal cannot be written: what is shown falls behind
                self.trouble = f"{status.reason[0].upper()}{status.reason[1:]}"
            case _:
                self.trouble = ""

    def _last_word(self) -> str:
        if not self.live:
            return (
                tr("The recording ends here. , goes back; q leaves.")
                if self.timeline.count
                else (tr("The recording is empty. q leaves."))
            )
        end, at = ending(self.picture.notes), figures.clock(self.timeline.last)
        if end.state == "failed":
            return tr("The run failed at {at}: {reason}. This is its last picture; q leaves.", at=at, reason=end.reason)
        if end.state == "stopped":
            return tr("The run has ended at {at}. This is its last picture; q leaves.", at=at)
        return tr(
            "The runtime is gone. This is the last picture, of {clock}; q leaves.",
            clock=figures.clock(self.picture.now),
        )
