"""A scenario played to its end, as somebody without a screen does, and what the day's own measures say of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name

from lab.course import systems
from lab.journal.event import Event, Flow, Note
from lab.journal.query import decode
from lab.journal.window import Measured, window
from lab.system.model import System

PATIENCE = 150.0
"""Seconds that a run may take besides its scenario, on a machine that has much else to do."""


@dataclass(frozen=True)
class Played:
    """A run of a scenario: `answers` is what was seen for each question, in order."""

    system: System
    events: tuple[Event, ...]

    @property
    def answers(self) -> list[Measured]:
        return [note.data["seen"] for note in self.notes("answer")]

    def notes(self, topic: str) -> list[Note]:
        return [event for event in self.events if isinstance(event, Note) and event.topic == topic]

    def flows(self, link: str) -> list[Flow]:
        return [event for event in self.events if isinstance(event, Flow) and event.link == link]

    def measure(self, name: str, since: float = 0.0) -> Measured:
        """What that measure says of the scenario from `since` on, in seconds from its beginning. What comes after it is
        the end of the run, which cuts off who is still there."""
        told = self.notes("scenario")
        seen = window(self.system, self.events, told[0].t + since, told[-1].t)
        found: Measured = resolve_name(f"{self.system.measures}:{name}")(seen)
        return found


def play(
    home: Path, day: str, scenario: str, seed: str = "0", *, engines: Sequence[str] = (), **settings: str
) -> Played:
    """Play it, on the usual engines or on these (`amqp=native`), and check that each of its steps could be done."""
    chosen = [word for name, value in settings.items() for word in (f"--{name}", value) if value != "on"]
    chosen += [word for engine in engines for word in ("--engine", engine)]
    switches = [f"--{name}" for name, value in settings.items() if value == "on"]
    command = [sys.executable, "-m", "lab", "run", day, "--scenario", scenario, "--json"]
    command += ["--seed", seed, *chosen, *switches]
    system = systems.find(day, settings, scenario)
    patience = systems.scenario(system, scenario).duration + PATIENCE
    done = subprocess.run(
        command, env={**os.environ, "LAB_HOME": str(home)}, capture_output=True, timeout=patience, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    played = Played(system, tuple(decode(done.stdout.splitlines())))
    told = played.notes("scenario")
    assert not [note.text for note in told if note.level != "info"]
    assert told[-1].data.get("over")
    return played


_PLAYED: dict[tuple[object, ...], Played] = {}


def play_once(home: Path, day: str, scenario: str, **settings: str) -> Played:
    """The same, but what this process has played already is not played again."""
    asked = (day, scenario, *sorted(settings.items()))
    if asked not in _PLAYED:
        _PLAYED[asked] = play(home, day, scenario, **settings)
    return _PLAYED[asked]
