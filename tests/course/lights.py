"""Runs of the toy day that its lesson can speak of, made without running anything."""

from __future__ import annotations

from collections.abc import Sequence

from lab.course import systems
from lab.journal.event import Event, Log, Note, to_line
from lab.runtime import runs
from lab.runtime.api import RunOptions

BEGUN = Note(t=1.0, topic="scenario", text="A lamp goes out", data={"scenario": "restart"})
ANSWERED = Note(t=2.0, topic="answer", text="…", data={"id": "1", "asked": "How often, then?", "seen": 3.0})
OVER = Note(t=4.0, topic="scenario", text="over", data={"over": True, "scenario": "restart"})


def lit(t: float) -> Log:
    return Log(t=t, source="lamp", message="lamp is lit brightly")


def played(*events: Event, duration: float | None = None) -> str:
    """The id of a new run of the scenario `restart` that has ended, with these events after its beginning."""
    options = RunOptions(scenario="restart", duration=duration)
    file = runs.create(systems.find("day9", {"dim": "on"}), options, "2026-05-06T10:00:00.000+00:00")
    folder = runs.home() / "runs" / file.id
    (folder / "journal.ndjson").write_bytes(b"".join(_lines([BEGUN, *events])))
    (folder / runs.READY).touch()
    return file.id


def _lines(events: Sequence[Event]) -> list[bytes]:
    for number, event in enumerate(events, 1):
        event.seq = number
    return [to_line(event) for event in events]
