"""Every scenario of every day to its end on real engines: a private PostgreSQL, RabbitMQ and Redis for each run.

python -m tests.native [day3 ...]

It takes as long as the scenarios take, one after the other; `tests/e2e/test_native.py` plays one of each day.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from lab.course import days, systems
from lab.engines.catalog import doctor
from lab.journal.event import EngineState
from lab.system.model import System
from tests.playing import Played, play

BESIDES = (("day2", "n-plus-one", {"transport": "broker"}), ("day2", "n-plus-one", {"transport": "grpc"}))
"""What meets an engine, or a way to ask, that the usual settings of its day leave out."""


@dataclass(frozen=True)
class Case:
    """A scenario with settings, and the engines that its run takes."""

    day: str
    scenario: str
    engines: tuple[str, ...]
    settings: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join([self.day, self.scenario, *(f"--{name} {text}" for name, text in self.settings.items())])


def cases(*chosen: str) -> Iterator[Case]:
    """Every scenario of the chosen days, or of all."""
    for day in chosen or days.names():
        for scenario in systems.scenario_names(systems.find(day)):
            yield settled(day, scenario, {})
        yield from (settled(*one) for one in BESIDES if one[0] == day)


def first(day: str) -> Case:
    """The one that the day begins with."""
    system = systems.find(day)
    return settled(day, system.first or systems.scenario_names(system)[0], {})


def settled(day: str, scenario: str, settings: dict[str, str]) -> Case:
    """That scenario with these settings, on what this machine has."""
    return Case(day, scenario, native(systems.find(day, settings, scenario)), settings)


def native(system: System) -> tuple[str, ...]:
    """The engines of the system that this machine can run natively, as `--engine` takes them."""
    return tuple(f"{kind}=native" for kind in sorted({engine.kind for engine in system.engines} & installed()))


@cache
def installed() -> set[str]:
    """The kinds of engines that this machine has."""
    return {report.kind for report in doctor() for tier in report.tiers if tier.tier == "native" and tier.available}


def played(home: Path, case: Case) -> Played:
    """Play it, and check that all of its questions were answered, and that it had its engines."""
    run = play(home, case.day, case.scenario, engines=case.engines, **case.settings)
    assert len(run.answers) == len(run.notes("question"))
    tiers = {event.source: event.tier for event in run.events if isinstance(event, EngineState)}
    for engine in run.system.engines:
        assert (tiers[engine.name] == "native") == (f"{engine.kind}=native" in case.engines)
    return run


def main() -> None:
    failed = 0
    for case in cases(*sys.argv[1:]):
        began, spent = time.monotonic(), _processor()
        with tempfile.TemporaryDirectory() as home:
            try:
                run = played(Path(home), case)
                ready = run.notes("scenario")[0].t
                word = f"{len(run.answers)} questions, scenario from {ready:.1f} s"
            except AssertionError as problem:
                failed += 1
                word = f"FAILED {problem}"
        wall, cpu = time.monotonic() - began, _processor() - spent
        sys.stdout.write(f"{case!s:<45} {' '.join(case.engines):<24} {wall:5.1f} s, {cpu:5.1f} s of CPU: {word}\n")
        sys.stdout.flush()
    sys.exit(failed > 0)


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
