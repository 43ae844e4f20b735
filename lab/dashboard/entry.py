"""The ways into the screen: a run that is live, and one that was recorded."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from pathlib import Path

from lab.dashboard.app import DashboardApp
from lab.dashboard.bars import About
from lab.dashboard.desk import Desk
from lab.dashboard.feed import LiveFeed, ReplayFeed
from lab.dashboard.glyphs import wants_ascii
from lab.journal import query
from lab.runtime.client import AsyncControl, Control, ControlError
from lab.system.model import System


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
    """The screen of a recorded run at `t` seconds as an SVG image, of `size` columns and rows; needs no terminal."""

    async def draw() -> str:
        feed = _recording(journal_path, 1.0)
        feed.seek(max(0.0, t - 1.0))
        desk = Desk(feed, system, About(system.name, system.title, "replay", speed=1.0))
        app = DashboardApp(desk)
        async with app.run_test(size=size) as pilot:
            while feed.head < t and not feed.ended:
                await pilot.pause(0.05)
            return app.export_screenshot(title=f"lab {system.name}")

    return asyncio.run(draw())


def _recording(journal_path: Path, speed: float) -> ReplayFeed:
    feed = ReplayFeed(partial(query.read, journal_path))
    feed.speed = speed
    return feed
