"""Grading as a whole: real processes, a real run, every kind of verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from lab.grading.bench import Bench
from lab.grading.grade import grade
from lab.grading.model import Assignment, Behaviour, Build, Finding, Report, WrongService
from lab.grading.stage import Stage
from lab.journal.event import Check
from lab.journal.query import read
from lab.runtime import runs
from lab.system.model import CLIENT, Engine, Link, Service, System
from tests.runtime.live import marked

TOY = Path(__file__).parent / "toy"
READ = "day9#there"
IDS = (
    *("passes", "fails", "times-out", "never", "skipped", "unknown", "crash", "sick", "ours", "faults", "chance"),
    "unproved",
)


def assignment() -> Assignment:
    text = {"en": "a toy", "uz": "o‘yinchoq"}
    return Assignment(
        id="day0.1",
        title=text,
        system=System(
            name="day0-1",
            services=(
                Service(
                    name="shop",
                    module="shop",
                    dir=str(TOY),
                    start="on-request",
                    restart="never",
                    env={"COLOUR": "blue"},
                    replicas=2,
                ),
                Service(name="users", address="127.0.0.1:0", role="stub", ready="tcp"),
            ),
            engines=(Engine(name="db", kind="sql"),),
            links=(
                Link(source=CLIENT, target="shop-1", protocol="http"),
                Link(source=CLIENT, target="shop-2", protocol="http", wait="no"),
                Link(source="shop", target="users", protocol="http", wait="no"),
                Link(source="shop", target="db", protocol="sql", wait="no"),
            ),
        ),
        learners=("shop",),
        stubs=("users",),
        checks=TOY / "checks.py",
        behaviours=tuple(
            Behaviour(id=ident, says=text, why=text, read=READ, needs=("fails",) if ident == "skipped" else ())
            for ident in IDS
        ),
        screens={READ: {"en": "It is there"}, "day9#gone": {"en": "It is gone"}},
        wrong=(
            WrongService(name="empty", fails="fails", codes=("nothing-there",), title=text, text=text, read=READ),
            WrongService(name="uncounted", fails="fails", codes=("no-visit",), title=text, text=text, read=READ),
        ),
    )


@cache
def graded(seed: int = 1) -> tuple[Report, list[Stage], Path]:
    records = Path(runs.home()) / "records"
    told: list[Stage] = []
    return grade(assignment(), seed=seed, records=records, on_event=told.append), told, records


def some(only: Sequence[str], records: Path, **options: object) -> Report:
    return grade(assignment(), seed=1, records=records, only=only, **options)  # type: ignore[arg-type]


def finding(report: Report, ident: str) -> Finding:
    return next(found for found in report.findings if found.behaviour == ident)


def test_every_kind_of_verdict() -> None:
    report, _, _ = graded()
    verdicts = {found.behaviour: found.verdict for found in report.findings}
    assert verdicts == {
        "passes": "pass",
        "fails": "fail",
        "times-out": "fail",
        "never": "fail",
        "skipped": "skipped",
        "unknown": "unknown",
        "crash": "fail",
        "sick": "unknown",
        "ours": "error",
        "faults": "pass",
        "chance": "fail",
        "unproved": "error",
    }
    assert not report.passed
    assert report.broken


def test_a_failure_is_told_with_its_evidence() -> None:
    report, _, records = graded()
    failed = finding(report, "fails")
    assert failed.expected == "something at /nothing"
    assert "GET /nothing -> 404 no_such_thing" in failed.got
    assert failed.code == "nothing-there"
    assert failed.looks_like == ("uncounted",)  # /nothing is not there at all: that looks like nothing
    assert {one.read for one in report.findings if one.verdict == "fail"} == {READ}
    assert {one.read for one in report.findings if one.verdict != "fail"} == {""}
    assert report.screens == {READ: {"en": "It is there"}}
    assert failed.warnings == ("this was to be expected", "nor this: a visit is 201; got 200")
    assert failed.command.startswith("curl -i http://127.0.0.1:")
    assert failed.service == "shop"
    assert any("/nothing" in line.what for line in failed.story)
    assert any(line.place.startswith("shop-1.log:") for line in failed.story)
    assert "GET /nothing" in (records / "shop-1.log").read_text()


def test_whose_fault_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that hangs is ours, a service that dawdles, babbles or leaves is not."""
    monkeypatch.setattr("lab.grading.checking.plugin.LIMIT", 3)
    whose = {"hangs": "error", "dawdles": "unknown", "nests": "fail", "leaves": "unknown", "dead": "unknown"}
    text = {"en": "a toy", "uz": "o‘yinchoq"}
    behaviours = tuple(Behaviour(id=ident, says=text, why=text) for ident in whose)
    report = grade(replace(assignment(), behaviours=behaviours), seed=1, records=tmp_path)
    assert {found.behaviour: found.verdict for found in report.findings} == whose
    assert finding(report, "dawdles").reason.startswith("not done after 3 s")
    assert finding(report, "leaves").reason.startswith("shop-1 never became healthy: exited with code 0")
    assert finding(report, "leaves").seconds < 10


def test_what_did_not_come_says_what_was_awaited_and_how_long() -> None:
    timed_out = finding(graded()[0], "times-out")
    assert timed_out.expected == "the moon to fall"
    assert timed_out.got.startswith("waited 0.2 s")
    assert timed_out.code == "no-moon"


def test_reasons_are_for_people() -> None:
    report, _, _ = graded()
    assert finding(report, "skipped").reason == "fails must pass first"
    assert finding(report, "skipped").needs == "fails"
    assert finding(report, "unknown").reason == "it is too dark to see"
    sick = finding(report, "sick").reason
    assert sick.startswith("shop-1 never became healthy: exited with code 1")
    assert "I do not feel well" in sick
    assert "check_with_a_mistake_of_ours" in finding(report, "ours").reason
    assert finding(report, "unproved").reason == "no check proves it"


def test_it_says_what_it_is_doing() -> None:
    _, told, _ = graded()
    assert (told[0].kind, told[-1].kind) == ("start", "end")
    assert [event.behaviour for event in told if event.kind == "verdict"][:2] == ["passes", "passes"]
    assert any(event.kind == "waiting" and event.text == "the moon to fall" for event in told)


def test_what_is_checked_and_what_came_of_it_is_in_the_journal_of_its_run() -> None:
    report, _, _ = graded()
    checks = [event for event in read(runs.find(report.run).journal) if isinstance(event, Check)]
    assert all(check.exercise == "day0.1" and check.says["en"] == "a toy" for check in checks)
    begun = list(dict.fromkeys(check.behaviour for check in checks if check.state == "begun"))
    assert begun[:2] == ["passes", "fails"]
    told = {check.behaviour: check for check in reversed(checks) if check.state != "begun"}
    failed = finding(report, "fails")
    assert (told["fails"].state, told["fails"].expected, told["fails"].got) == ("fail", failed.expected, failed.got)
    assert told["passes"].state == "pass"
    assert told["skipped"].state == "skipped"
    assert "skipped" not in begun


def test_chance_comes_from_the_seed(tmp_path: Path) -> None:
    first = finding(graded()[0], "chance").got
    assert finding(some(["chance"], tmp_path), "chance").got == first
    other = grade(assignment(), seed=2, records=tmp_path, only=["chance"])
    assert finding(other, "chance").got != first


def test_nothing_is_left(tmp_path: Path) -> None:
    report = some(["passes"], tmp_path)
    assert report.passed
    run = runs.find(report.run)
    assert not run.alive
    assert not marked(run.folder)


def test_nothing_is_left_of_a_run_that_was_only_begun() -> None:
    """Ctrl-C comes while the rest still loads."""
    before = {record.id for record in runs.list_runs()}
    bench = Bench(assignment(), seed=1, tiers={})
    (record,) = (record for record in runs.list_runs() if record.id not in before)
    told: list[bool] = []
    bench.close(lambda: told.append(runs.find(record.id).alive))
    assert len(told) == 1
    assert not runs.find(record.id).alive
    assert not marked(record.folder)


def test_the_first_failure_ends_it_if_asked(tmp_path: Path) -> None:
    report = some(["fails", "never"], tmp_path, stop_at_first=True)
    assert finding(report, "fails").verdict == "fail"
    assert finding(report, "never").verdict == "skipped"


def test_each_exercise_has_its_own_checks(tmp_path: Path) -> None:
    """`lab check all` grades one after the other in one process."""
    answers = "def check_it(http):\n    expect({0}, 'nothing', got='nothing', code='no')\n"
    verdicts = []
    for name, held in (("one", True), ("other", False)):
        checks = tmp_path / name / "checks.py"
        checks.parent.mkdir()
        checks.write_text(f"from lab.grading import behaviour, expect\n@behaviour('C1')\n{answers.format(held)}")
        text = {"en": "a toy"}
        asked = replace(assignment(), checks=checks, behaviours=(Behaviour(id="C1", says=text, why=text),))
        verdicts.append(grade(asked, seed=1, records=tmp_path / name).findings[0].verdict)
    assert verdicts == ["pass", "fail"]


def test_failing_behaviours_may_come_first(tmp_path: Path) -> None:
    told: list[Stage] = []
    grade(assignment(), seed=1, records=tmp_path, only=["passes", "chance"], first=["chance"], on_event=told.append)
    assert next(event.behaviour for event in told if event.kind == "check") == "chance"


@pytest.mark.parametrize("command", ["echo no such compiler; exit 3"])
def test_a_build_that_fails_is_shown(tmp_path: Path, command: str) -> None:
    broken = replace(assignment(), builds=(Build(service="shop", dir=str(TOY), command=command),))
    report = grade(broken, seed=1, records=tmp_path)
    assert {found.verdict for found in report.findings} == {"unknown"}
    assert "ended with code 3" in report.not_built["shop"]
    assert "no such compiler" in report.not_built["shop"]
    assert {found.reason for found in report.findings} == {"not built: shop"}
