"""The pictures of the week in the README, from runs that are played for them: `python3 -m docs.pictures`, or with days
(and `learn`, the reader of lessons) only these. The first picture there is made by hand (`lab.dashboard.picture_of`).

A picture is the screen at a moment of a scenario, as it was live.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lab.course import systems
from lab.dashboard import picture_of, picture_of_lesson
from lab.journal import query
from lab.journal.event import Note

DOCS = Path(__file__).parent


@dataclass(frozen=True)
class Moment:
    """`at` seconds into a scenario of a day, whose system is made with these `settings`."""

    day: str
    scenario: str
    at: float
    settings: tuple[tuple[str, str], ...] = ()


MOMENTS = (
    Moment("day1", "side-by-side", 42.5, (("shape", "both"),)),
    Moment("day2", "isolation", 13),
    Moment("day3", "orchestrator-dies", 10, (("saga", "orchestration"),)),
    Moment("day4", "expiry-storm", 18.6),
    Moment("day5", "outage", 14),
    Moment("day6", "strangle", 40),
)


LEARN = "learn"
PLAYED, SCREEN = Moment("day3", "consumer-down", 0), "queue-per-subscriber"
"""What the figures on the lesson's screen are seen in."""


def play(moment: Moment, home: Path) -> None:
    """Play the scenario. Raises CalledProcessError if it cannot be played."""
    chosen = [word for name, value in moment.settings for word in (f"--{name}", value)]
    command = [sys.executable, "-m", "lab", "run", moment.day, "--scenario", moment.scenario, "--json", *chosen]
    subprocess.run(command, env={**os.environ, "LAB_HOME": str(home)}, stdout=subprocess.DEVNULL, check=True)


def drawn(moment: Moment, home: Path) -> str:
    """The screen at that moment of a run that is played for it. Raises CalledProcessError."""
    play(moment, home)
    (journal,) = home.glob("runs/*/journal.ndjson")
    system = systems.find(moment.day, dict(moment.settings), moment.scenario)
    began = next(event.t for event in query.read(journal) if isinstance(event, Note) and event.topic == "scenario")
    return picture_of(journal, system, began + moment.at)


def lesson(home: Path) -> str:
    """The screen of a lesson after its demo. Raises CalledProcessError."""
    play(PLAYED, home)
    os.environ["LAB_HOME"] = str(home)
    return picture_of_lesson(PLAYED.day, SCREEN)


def main() -> int:
    pictures = {moment.day: partial(drawn, moment) for moment in MOMENTS} | {LEARN: lesson}
    for name in sys.argv[1:] or pictures:
        with tempfile.TemporaryDirectory() as home:
            (DOCS / f"{name}.svg").write_text(pictures[name](Path(home)), encoding="utf-8")
        print(DOCS / f"{name}.svg")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
