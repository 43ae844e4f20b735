"""The hidden fault of `blind`: nothing that is meant for the learner tells of it before the answer is asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from lab.course import systems
from lab.faults import scenario
from lab.faults.text import parse
from lab.journal.event import Event, FaultChange, Flow, Note, Process
from lab.journal.query import read
from lab.journal.window import window
from lab.runtime.faults import Faults
from tests.playing import play
from tests.waiting import eventually

SYSTEM = systems.find("day5")
BLIND = scenario.find(Path(SYSTEM.scenarios or ""), "blind")
HIDDEN = next(step.hidden for step in BLIND.steps if step.hidden)
ASKED = next(step.ask for step in BLIND.steps if step.ask)
FROZEN, ERRORS = 3, 10
"""Seeds that draw a process that stands still, and a link with errors."""


def drawn(seed: int) -> str:
    """What the answer is with this seed."""
    events: list[Event] = []

    def emit(change: FaultChange) -> None:
        change.t = 5.0
        events.append(change)

    faults = Faults(lambda: SYSTEM, seed, lambda: 1.0, emit)
    faults.hide(HIDDEN, "scenario")
    assert (faults.status(), faults.heal(None), events) == ((), [], [])
    faults.reveal()
    assert len(faults.status()) == 1
    from lab.day5_resilience import measures

    return measures.culprit(window(SYSTEM, events, 0.0, 9.0))


def test_the_seed_draws_it_and_each_is_a_choice_with_its_evidence() -> None:
    found = [drawn(seed) for seed in range(30)]
    assert found == [drawn(seed) for seed in range(30)]
    assert set(found) == {f"{fault.kind} {fault.target}" for fault in map(parse, HIDDEN)} == set(ASKED.reasons)
    assert set(ASKED.choices) == {*found, "nothing"}
    assert len({text.split()[0] for text in HIDDEN}) >= 4
    assert len({text.split()[1] for text in HIDDEN}) >= 5


def test_a_flow_keeps_its_time_and_its_status_and_no_more() -> None:
    faults = Faults(lambda: SYSTEM, FROZEN, lambda: 1.0, lambda _: None)
    faults.add("latency orders->users 10ms", "you")
    faults.hide(["latency orders->users 700ms"], "scenario")
    late = faults.masked(Flow(link="orders->users", status="200", outcome="late", ms=700.0, faults=("f2",)))
    assert (late.outcome, late.status, late.ms, late.faults) == ("ok", "200", 700.0, ())
    error = faults.masked(Flow(status="503", outcome="error", faults=("f2",)))
    assert (error.outcome, error.status, error.faults) == ("error", "503", ())
    own = faults.masked(Flow(outcome="late", faults=("f1", "f2")))
    assert (own.outcome, own.faults) == ("late", ("f1",))


class Blind:
    """A run of it at the terminal of somebody who predicts, and what the lab tells meanwhile."""

    def __init__(self, home: Path, seed: int) -> None:
        self._env = {**os.environ, "LAB_HOME": str(home)}
        self._home = home
        command = [sys.executable, "-m", "lab", "run", "day5", "--scenario", "blind", "--plain", "--predict"]
        self.process = subprocess.Popen(
            [*command, "--seed", str(seed)], env=self._env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def lab(self, *words: str) -> str:
        command = [sys.executable, "-m", "lab", *words]
        return subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=60, check=True).stdout

    @property
    def events(self) -> list[Event]:
        found = next(self._home.glob("runs/*/journal.ndjson"), None)
        return [] if found is None else list(read(found))

    def asked(self) -> list[Event]:
        return [event for event in self.events if isinstance(event, Note) and event.topic == "question"]

    def end(self, typed: str) -> str:
        told, _ = self.process.communicate(typed, timeout=120)
        assert self.process.returncode == 0
        return told


def told_of(events: list[Event]) -> list[Any]:
    """What in the journal says that the lab disturbs something."""
    flows = [event for event in events if isinstance(event, Flow)]
    return [
        *(event for event in events if isinstance(event, FaultChange)),
        *(flow for flow in flows if flow.faults or flow.outcome == "late"),
        *(event for event in events if isinstance(event, Process) and event.state in ("frozen", "degraded")),
    ]


def test_nothing_tells_before_the_answer_and_everything_does_then(tmp_path: Path) -> None:
    run = Blind(tmp_path, FROZEN)
    try:
        eventually(run.asked, timeout=120, every=0.5)
        assert told_of(run.events) == []
        listed = run.lab("fault", "list")
        assert "hidden until the scenario tells it" in listed
        seen = listed + run.lab("ps") + run.lab("fault", "list", "--json")
        (status,) = json.loads(run.lab("ps", "--json"))["runs"]
        assert status["faults"] == []
        assert {process["state"] for process in status["processes"]} == {"ready"}
        assert "No fault is active" in run.lab("fault", "heal")
        assert "f1" not in seen
        assert "freeze" not in seen
        silent = [line for line in run.lab("logs", "jobs-1").splitlines() if line.strip()]
        assert float(silent[-1].split()[0]) < run.asked()[0].t - 10  # which is how one finds it
        told = run.end("7\n")
    finally:
        run.process.kill()
        run.process.wait()
    assert "as you predicted: jobs-1 stands still." in told
    assert "was there since" in told
    assert "freeze" not in told.partition("Which fault is it?")[0]
    kept = json.loads(run.lab("predictions", "--json"))
    assert [(one["says"], one["right"]) for one in kept] == [("jobs-1 stands still", True)]
    states = [event.state for event in run.events if isinstance(event, Process) and event.source == "jobs-1"]
    assert states[-4:] == ["frozen", "ready", "stopping", "stopped"]


def test_without_a_terminal_it_asks_nobody_and_says_it(tmp_path: Path) -> None:
    played = play(tmp_path, "day5", "blind", seed=str(ERRORS))
    assert played.answers == ["status orders->users"]
    (revealed,) = (event for event in played.events if isinstance(event, FaultChange) and event.change == "added")
    assert revealed.since is not None
    before = [event for event in played.events if event.t < revealed.t]
    assert told_of(before) == []
    assert sum(flow.status == "503" for flow in before if isinstance(flow, Flow) and flow.link == "orders->users") > 20
    assert any(flow.faults for flow in played.events if isinstance(flow, Flow) and flow.t > revealed.t)
