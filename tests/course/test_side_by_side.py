"""A grading is split into shares that run at the same time, and reads as if it had been one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.course import side_by_side
from lab.course.assignment import assignment
from lab.course.grading import NotGraded, Task
from lab.course.manifest import load
from lab.course.side_by_side import MOST, SideBySide, merged, shares
from lab.course.variants import Variant, prepared
from lab.grading.model import Behaviour, Finding, Line, Report, Verdict
from lab.grading.stage import Stage
from tests.course import TOY

EXERCISE = load(TOY)


def behaviour(ident: str, *needs: str, gold: bool = False) -> Behaviour:
    return Behaviour(id=ident, says={"en": ident}, why={}, needs=needs, gold=gold)


def report(run: str, seconds: float = 1.0, **verdicts: Verdict) -> Report:
    findings = tuple(
        Finding(
            behaviour=ident,
            gold=False,
            verdict=verdict,
            seconds=0.5,
            says={},
            story=(Line(t=0, lane="log", who="a", what="b", place="orders.log:7"),) if verdict == "fail" else (),
        )
        for ident, verdict in verdicts.items()
    )
    return Report(
        exercise="day9.1",
        title={},
        seed=1,
        started_at="",
        seconds=seconds,
        run=run,
        findings=findings,
        left_out=("C8", "C9"),
        logs={"orders": f"{run}/orders.log"},
    )


@given(st.dictionaries(st.sampled_from([f"C{n}" for n in range(1, 13)]), st.floats(0, 60), min_size=1))
def test_every_behaviour_is_in_one_share_and_no_share_is_empty(seconds: dict[str, float]) -> None:
    idents = sorted(seconds, key=lambda ident: int(ident[1:]))
    found = shares(idents, seconds)
    assert sorted((ident for share in found for ident in share), key=idents.index) == idents
    assert 1 <= len(found) <= MOST
    assert all(share == sorted(share, key=idents.index) and share for share in found)


def test_what_is_short_is_not_split_and_what_is_long_is_split_evenly() -> None:
    assert shares(["C1", "C2", "C3"], {"C1": 3, "C2": 2, "C3": 2}) == [["C1", "C2", "C3"]]
    assert shares(["C1", "C2", "C3"], {"C1": 9, "C2": 4, "C3": 4}) == [["C1"], ["C2", "C3"]]
    assert len(shares([f"C{n}" for n in range(7)], {})) == 2
    assert len(shares([f"C{n}" for n in range(9)], dict.fromkeys([f"C{n}" for n in range(9)], 60.0))) == MOST


def test_what_is_judged_by_one_run_stays_in_one_share() -> None:
    seconds = {"C1": 9.0, "C2": 30.0, "C3": 0.0, "C4": 0.0}
    together = {"C1": "", "C2": "storm", "C3": "storm", "C4": "storm"}
    assert shares(["C1", "C2", "C3", "C4"], seconds, together) == [["C2", "C3", "C4"], ["C1"]]


def test_shares_become_one_report() -> None:
    behaviours = (behaviour("C1"), behaviour("C2", "C1"), behaviour("C3"), behaviour("C4", "C3"))
    made = merged(
        [report("0001", 3, C1="pass", C4="fail"), report("0002", 5, C2="fail", C3="unknown")], behaviours, only=()
    )
    assert [(one.behaviour, one.verdict, one.needs) for one in made.findings] == [
        ("C1", "pass", ""),
        ("C2", "fail", ""),
        ("C3", "unknown", ""),
        ("C4", "skipped", "C3"),
    ]
    assert (made.run, made.beside, made.seconds, made.left_out) == ("0001", ("0002",), 5, ())
    assert made.findings[1].story[0].place == "2/orders.log:7"
    assert made.logs == {"orders": "0001/orders.log", "2/orders": "0002/orders.log"}


def test_the_toy_is_graded_in_two_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side, "WORTH", (1.0,))
    stages: list[Stage] = []
    with (
        prepared(EXERCISE, Variant("solution")) as programs,
        SideBySide(EXERCISE.behaviours, {"C1": 1.0, "C2": 1.0}) as grading,
    ):
        task = Task(assignment=assignment(EXERCISE, programs), seed=1, records=str(tmp_path))
        made = grading.grade(task, stages.append).report
    assert [(one.behaviour, one.verdict) for one in made.findings] == [("C1", "pass"), ("C2", "pass")]
    assert made.passed
    assert len({made.run, *made.beside}) == 2
    assert [stage.kind for stage in stages if stage.kind in ("start", "end")] == ["start", "end"]
    assert {one.figure.name for one in made.figures} == {"letters", "warmth"}
    assert (tmp_path / "2").is_dir()


def test_a_share_that_cannot_be_graded_ends_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side, "WORTH", (1.0,))
    with (
        prepared(EXERCISE, Variant("solution")) as programs,
        SideBySide(EXERCISE.behaviours, {"C1": 1.0, "C2": 1.0}) as grading,
    ):
        asked = assignment(EXERCISE, programs)
        broken = replace(asked, system=replace(asked.system, services=()))
        with pytest.raises(NotGraded):
            grading.grade(Task(assignment=broken, seed=1, records=str(tmp_path)))
