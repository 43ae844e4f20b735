"""The ways into the screen: a run that is live, and one that was recorded."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lab.dashboard import first, frame
from lab.dashboard.bars import About
from lab.dashboard.control import Controls, Left, LiveRun
from lab.dashboard.desk import Desk
from lab.dashboard.glyphs import wants_ascii
from lab.dashboard.shown import ShownRun
from lab.journal import query
from lab.journal.event import to_line
from lab.system.model import System

if TYPE_CHECKING:
    from lab.dashboard.app import DashboardApp

PACED = 2.0
"""Seconds of a recorded run that are played in their own time before its picture is taken."""


def run_live(live: LiveRun, *, stop_on_quit: bool) -> Left:
    """Show a live run until the person leaves."""
    system = live.system
    run = ShownRun(live.journal, system, About(system.name, system.title), partial(_connect, live.socket), live.ended)

    async def show(app: DashboardApp) -> int:
        try:
            await app.run_async()
        finally:
            await run.leave(stop=stop_on_quit)
        return app.return_code or 0

    code = _draw(run, lambda app: asyncio.run(show(app)))
    run.to_now()
    run.timeline.close()
    return Left(code, run.picture, run.trouble, begun=run.timeline.count > 0)


def _draw(run: ShownRun, show: Callable[[DashboardApp], int]) -> int:
    """The first frame, then the App that `show` runs; the exit code."""
    desk, ascii = Desk(run), wants_ascii()
    with first.drawn(frame.whole(desk, *shutil.get_terminal_size()), ascii=ascii):
        from lab.dashboard.app import DashboardApp  # Textual: as long as all before
        from lab.dashboard.run_screen import RunScreen

        return show(DashboardApp(RunScreen(desk, ascii=ascii)))


def _connect(socket: Path) -> Controls:
    from lab.runtime.client import AsyncControl  # a tenth of a second, which the first frame need not wait for

    return AsyncControl(socket)


def run_replay(journal_path: Path, system: System, speed: float = 1.0) -> int:
    """Play a recorded run at `speed` times its own pace. Returns the exit code. Raises OSError without a journal."""
    journal_path.stat()
    run = ShownRun(journal_path, system, About(system.name, system.title))
    run.timeline.speed = speed

    def show(app: DashboardApp) -> int:
        app.run()
        return app.return_code or 0

    return _draw(run, show)


def read_lessons(day: str, screen: str) -> int:
    """Open the reader of lessons. Returns the exit code. Raises InvalidLesson."""
    from lab.dashboard.app import DashboardApp
    from lab.dashboard.reader import ReaderScreen

    app = DashboardApp(ReaderScreen(day, screen, ascii=wants_ascii()))
    app.run()
    return app.return_code or 0


def picture_of_lesson(day: str, screen: str, size: tuple[int, int] = (120, 40)) -> str:
    """A screen of a lesson as the reader shows it, with the figures of the runs that are kept, as an SVG image."""
    from lab.dashboard.app import DashboardApp
    from lab.dashboard.reader import ReaderScreen

    async def draw() -> str:
        app = DashboardApp(ReaderScreen(day, screen))
        async with app.run_test(size=size) as pilot:
            await app.workers.wait_for_complete()
            await pilot.pause(0.2)
            return app.export_screenshot(title="lab learn")

    return asyncio.run(draw())


def picture_of(journal_path: Path, system: System, t: float, size: tuple[int, int] = (120, 40)) -> str:
    """The screen as it was `t` seconds into a run, as an SVG image of `size` columns and rows; needs no terminal."""

    from lab.dashboard.app import DashboardApp
    from lab.dashboard.run_screen import RunScreen

    async def draw() -> str:
        with tempfile.TemporaryDirectory() as folder:
            growing = Path(folder) / journal_path.name
            nobody = partial(_connect, Path(folder) / "nobody.sock")
            run = ShownRun(growing, system, About(system.name, system.title, run="live"), nobody, lambda: False)
            app = DashboardApp(RunScreen(Desk(run)))
            async with app.run_test(size=size) as pilot:
                await _as_it_came(journal_path, t, growing)
                while not run.timeline.caught_up or run.timeline.last < t - PACED:
                    await pilot.pause(0.05)
                await pilot.pause(0.2)
                return app.export_screenshot(title=f"lab run {system.name}")

    return asyncio.run(draw())


async def _as_it_came(journal_path: Path, t: float, growing: Path) -> None:
    """Write the journal until `t` to another file, the end of it at its own pace, so that messages are on their way."""
    began: float | None = None
    with growing.open("wb", buffering=0) as file:
        for event in query.read(journal_path):
            if event.t > t:
                break
            if event.t > t - PACED:
                began = began or time.monotonic()
                await asyncio.sleep(max(0.0, event.t - (t - PACED) - (time.monotonic() - began)))
            file.write(to_line(event))
