"""The search for the fewest faults with which a behaviour still fails, in real runs."""

from __future__ import annotations

from pathlib import Path

from lab.course.fewest import first_stormy, with_fewest
from lab.course.grading import Grading, Task
from lab.grading.model import Chosen
from lab.grading.report.again import fewest, replayed
from lab.grading.stage import Stage
from tests.grading.instruments.test_chaos import LINES, stormy


def test_one_fault_of_three_is_found_and_the_report_says_how_to_play_it(tmp_path: Path) -> None:
    task = Task(assignment=stormy(), seed=7, records=str(tmp_path))
    with Grading() as grading:
        report = grading.grade(task).report
    failed = first_stormy(report)
    assert failed
    assert failed.behaviour == "lives"
    stages: list[Stage] = []
    found = with_fewest(task, report, stages.append)
    assert found.fewest
    assert (found.fewest.numbers, found.fewest.faults, found.fewest.of) == ((2,), (LINES[1],), 3)
    assert found.fewest.done
    assert stages
    assert {stage.kind for stage in stages} == {"search"}
    assert replayed(found, failed) == "lab check day0.1 --seed 7 --behaviour lives"
    shown = fewest(found, failed, "en")
    assert shown
    assert shown[1:] == ([LINES[1]], "lab check day0.1 --seed 7 --faults 2 --behaviour lives")

    broken_off = with_fewest(task, report, seconds=0).fewest
    assert broken_off
    assert (broken_off.numbers, broken_off.done) == ((1, 2, 3), False)


def test_what_holds_or_was_no_schedule_is_not_searched(tmp_path: Path) -> None:
    task = Task(assignment=stormy(), seed=1, records=str(tmp_path), chosen=Chosen(faults=()))
    with Grading() as grading:
        report = grading.grade(task).report
    assert report.passed
    assert with_fewest(task, report).fewest is None
