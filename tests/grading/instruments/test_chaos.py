"""A schedule of faults is played beside a check, and several behaviours are judged by what it left behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.grading.grade import grade
from lab.grading.model import Assignment, Behaviour, Chosen, Report
from lab.system.model import Engine
from tests.grading.test_grade import TOY, assignment

LINES = (
    "at 100ms: status shop->users 503 for 1s",
    "at 300ms: kill shop-1",
    "at 400ms: latency shop->users 10ms for 200ms",
)


def stormy() -> Assignment:
    """The toy shop, with behaviours that are judged by one run."""
    text = {"en": "a toy", "uz": "o‘yinchoq"}
    behaviours = tuple(Behaviour(id=ident, says=text, why=text, run="storm") for ident in ("calls", "lives"))
    return replace(assignment(), checks=TOY / "storm.py", behaviours=behaviours)


def played(records: Path, chosen: Chosen | None = None) -> tuple[Report, dict[str, str]]:
    report = grade(stormy(), seed=1, records=records, chosen=chosen)
    return report, {one.behaviour: one.verdict for one in report.findings}


def test_its_faults_come_in_time_and_who_is_killed_lives_again(tmp_path: Path) -> None:
    report, verdicts = played(tmp_path)
    assert verdicts == {"calls": "pass", "lives": "fail"}
    assert report.findings[1].code == "killed"
    assert report.findings[1].stormy
    assert report.schedule == LINES


def test_some_of_its_faults_can_be_chosen(tmp_path: Path) -> None:
    report, verdicts = played(tmp_path, Chosen(faults=(1, 3)))
    assert verdicts == {"calls": "pass", "lives": "pass"}
    assert report.schedule == LINES
    assert report.chosen.faults == (1, 3)


def test_another_schedule_may_stand_in_its_place(tmp_path: Path) -> None:
    report, verdicts = played(tmp_path, Chosen(schedule="at 50 ms: freeze shop-1 for 100ms"))
    assert verdicts == {"calls": "pass", "lives": "pass"}
    assert report.schedule == ("at 50ms: freeze shop-1 for 100ms",)


@pytest.mark.parametrize(("chosen", "said"), [(Chosen(faults=(4,)), "no fault 4"), (Chosen(schedule="x"), "line 1")])
def test_what_cannot_be_played_is_said(tmp_path: Path, chosen: Chosen, said: str) -> None:
    report, verdicts = played(tmp_path, chosen)
    assert verdicts == {"calls": "unknown", "lives": "unknown"}
    assert said in report.findings[0].reason


def test_an_engine_that_is_killed_is_there_again_when_the_schedule_is_over(tmp_path: Path) -> None:
    toy = assignment()
    engines = (*toy.system.engines, Engine(name="redis", kind="redis"))
    over = replace(
        toy,
        system=replace(toy.system, engines=engines),
        checks=TOY / "storm_over_engines.py",
        behaviours=(replace(toy.behaviours[0], id="calls", needs=()),),
    )
    (finding,) = grade(over, seed=1, records=tmp_path).findings
    assert finding.verdict == "pass", finding.reason or finding.got
