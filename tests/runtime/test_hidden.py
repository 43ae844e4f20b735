"""A fault that a scenario hides, on a real process: nobody is told, and it ends as any other does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psutil

from lab.journal.event import FaultChange
from lab.system.model import System
from tests.runtime.live import Live, pair, started
from tests.waiting import eventually

SCENARIO = """
title = "Something stands still"
duration = 60
[[step]]
at = 0
say = "Find it."
hidden = ["freeze back for {seconds}s"]
[step.ask]
en = "Which?"
uz = "Qaysi?"
answer = "nobody-measures-it"
"""


def hiding(folder: Path, seconds: float) -> System:
    (folder / "hidden.toml").write_text(SCENARIO.format(seconds=seconds) + 'because = "So."\n')
    return replace(pair(), scenarios=str(folder))


def stopped(live: Live) -> bool:
    return psutil.Process(live.pid("back")).status() == psutil.STATUS_STOPPED


def told(live: Live) -> list[tuple[str, bool]]:
    """What was told of faults, and whether it had been hidden until then."""
    return [(event.change, event.since is not None) for event in live.events() if isinstance(event, FaultChange)]


def test_it_is_told_when_its_time_is_over_and_the_process_goes_on(tmp_path: Path) -> None:
    with started(hiding(tmp_path, 4), scenario="hidden") as live:
        live.ready()
        eventually(lambda: stopped(live))
        status = live.status()
        assert (status.faults, status.hides, live.process("back").state) == ((), True, "ready")
        assert live.control.faults() == []
        assert live.control.heal() == []
        assert told(live) == []
        eventually(lambda: told(live) == [("added", True), ("expired", False)])
        eventually(lambda: not stopped(live))
        assert not live.status().hides
        assert live.states("back")[-1] == "ready"
        assert "frozen" not in live.states("back")


def test_the_end_of_the_run_tells_it_whatever_became_of_the_process(tmp_path: Path) -> None:
    with started(hiding(tmp_path, 600), scenario="hidden") as live:
        live.ready()
        eventually(lambda: stopped(live))
        live.control.act("back", "stop")
        live.until("back", "stopped")
        live.control.stop()
        eventually(live.ended)
        assert told(live) == [("added", True), ("healed", False)]
