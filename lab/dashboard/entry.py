"""The ways into the screen: a run that is live, and one that was recorded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from lab.dashboard.app import DashboardApp
from lab.dashboard.bars import About
from lab.dashboard.desk import Desk
from lab.dashboard.feed import LiveFeed, ReplayFeed
from lab.dashboard.glyphs import wants_ascii
from lab.journal import query
from lab.journal.event import to_line
from lab.runtime.api import ControlError
from lab.runtime.client import AsyncControl, Control
from lab.system.model import System

PACED = 2.0
"""Seconds of a recorded run that are played in their own time before its picture is taken."""


def run_live(socket_path: Path, *, stop_on_quit: bool) -> int:
    """Show the live run whose control socket this is, until the person leaves. Returns the exit code.

    With `stop_on_quit` the run is asked to stop once the terminal is given back. Raises ControlError if no runtime
    answers at the beginning; if it goes away later, its last picture stays.
    """
    control = Control(socket_path)
    status = control.run()
    system = control.system()
    # A SQLite file is given as a link too, but no tap stands there.
    tapped = {link.id for link in status.links if not link.url.startswith("sqlite")}
    about = About(status.system, status.title, status.state, status.seed, status.scenario, tuple(status.tiers.items()))

    async def show() -> tuple[int, bool]:
        controls = AsyncControl(socket_path)
        try:
            desk = Desk(LiveFeed(controls.events(since=0, follow=True)), system, about, tapped)
            app = DashboardApp(desk, controls, ascii=wants_ascii())
            await app.run_async()
            return app.return_code or 0, bool(desk.feed.ended)
        finally:
            await controls.close()

    code, over = asyncio.run(show())
    if stop_on_quit and not over:
        with suppress(ControlError):  # It went in this moment, which is what was wanted.
            control.stop()
    control.close()
    return code


def run_replay(journal_path: Path, system: System, speed: float = 1.0) -> int:
    """Play a recorded run at `speed` times its own pace. Returns the exit code. Raises OSError without a journal."""
    desk = Desk(_recording(journal_path, speed), system, About(system.name, system.title, "replay", speed=speed))
    app = DashboardApp(desk, ascii=wants_ascii())
    app.run()
    return app.return_code or 0


def picture_of(journal_path: Path, system: System, t: float, size: tuple[int, int] = (120, 40)) -> str:
    """The screen as it was `t` seconds into a run, as an SVG image of `size` columns and rows; needs no terminal."""

    async def draw() -> str:
        desk = Desk(LiveFeed(_as_it_came(journal_path, t)), system, About(system.name, system.title))
        app = DashboardApp(desk)
        async with app.run_test(size=size) as pilot:
            while desk.picture.now < t - 0.1 and not desk.feed.ended:
                await pilot.pause(0.05)
            return app.export_screenshot(title=f"lab run {system.name}")

    return asyncio.run(draw())


async def _as_it_came(journal_path: Path, t: float) -> AsyncIterator[bytes]:
    """The journal's lines until `t`, the last of them at their own pace, so that messages are on their way."""
    first = t - PACED
    began: float | None = None
    for event in query.read(journal_path):
        if event.t > t:
            break
        if event.t > first:
            began = began or time.monotonic()
            await asyncio.sleep(max(0.0, event.t - first - (time.monotonic() - began)))
        yield to_line(event)
    else:
        return
    await asyncio.Event().wait()


def _recording(journal_path: Path, speed: float) -> ReplayFeed:
    feed = ReplayFeed(partial(query.read, journal_path))
    feed.speed = speed
    return feed
