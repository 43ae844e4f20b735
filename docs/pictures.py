"""The pictures of the week in the README, from runs that are played for them: `python3 -m docs.pictures`, or with days
only these. The first picture there is made by hand (`lab.dashboard.picture_of`).

A picture is the screen at a moment of a scenario, as it was live.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lab.course import systems
from lab.dashboard import picture_of
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


def draw(moment: Moment, home: Path) -> None:
    """Play the scenario and write the picture. Raises CalledProcessError if it cannot be played."""
    chosen = [word for name, value in moment.settings for word in (f"--{name}", value)]
    command = [sys.executable, "-m", "lab", "run", moment.day, "--scenario", moment.scenario, "--json", *chosen]
    subprocess.run(command, env={**os.environ, "LAB_HOME": str(home)}, stdout=subprocess.DEVNULL, check=True)
    (journal,) = home.glob("runs/*/journal.ndjson")
    system = systems.find(moment.day, dict(moment.settings), moment.scenario)
    began = next(event.t for event in query.read(journal) if isinstance(event, Note) and event.topic == "scenario")
    (DOCS / f"{moment.day}.svg").write_text(picture_of(journal, system, began + moment.at), encoding="utf-8")


def main() -> int:
    wanted = sys.argv[1:] or [moment.day for moment in MOMENTS]
    for moment in MOMENTS:
        if moment.day in wanted:
            with tempfile.TemporaryDirectory() as home:
                draw(moment, Path(home))
            print(DOCS / f"{moment.day}.svg")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
