"""The live screen, and the only room that imports Textual."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lab.system.model import System

if TYPE_CHECKING:
    from lab.dashboard.control import Left, LiveRun

# Textual reads this when it is imported. The screen changes ten times a second; more frames would only cost.
os.environ.setdefault("TEXTUAL_FPS", "30")


def run_live(live: LiveRun, *, stop_on_quit: bool) -> Left:
    """Show a live run until the person leaves.

    The run may still be starting. With `stop_on_quit` it is asked to stop once the terminal is given back; it does so
    after this returns. If it goes away meanwhile, its last picture stays.
    """
    from lab.dashboard import entry

    return entry.run_live(live, stop_on_quit=stop_on_quit)


def run_replay(journal_path: Path, system: System, speed: float = 1.0) -> int:
    """Play a recorded run at `speed` times its own pace. Returns the exit code. Raises OSError without a journal."""
    from lab.dashboard import entry

    return entry.run_replay(journal_path, system, speed)


def read_lessons(day: str = "", screen: str = "") -> int:
    """Open the reader of lessons, where its reader stopped if nothing is named. Returns the exit code.

    Raises InvalidLesson.
    """
    from lab.dashboard import entry

    return entry.read_lessons(day, screen)


def picture_of(journal_path: Path, system: System, t: float, size: tuple[int, int] = (120, 40)) -> str:
    """The screen as it was `t` seconds into a recorded run, as an SVG image of `size` columns and rows.

    Needs no terminal; this is how the first picture in the README is made from a run's folder:

        run = Path("<data folder>/runs/0007-day3")
        Path("docs/dashboard.svg").write_text(picture_of(run / "journal.ndjson", find("day3"), t=14.0))
    """
    from lab.dashboard import entry

    return entry.picture_of(journal_path, system, t, size)


def picture_of_lesson(day: str, screen: str, size: tuple[int, int] = (120, 40)) -> str:
    """A screen of a lesson as the reader shows it, with the figures of the runs that are kept, as an SVG image."""
    from lab.dashboard import entry

    return entry.picture_of_lesson(day, screen, size)
