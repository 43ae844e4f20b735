"""Progress counts what was really tried, survives its own file, and opens the solution when it may be seen."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from lab.course import records, reveal
from lab.course.assignment import Source, sources
from lab.course.best import with_best
from lab.course.manifest import load
from lab.course.progress import NewerProgress, Progress, Standing, opened
from lab.course.records import Attempt
from lab.course.variants import Variant, prepared
from lab.grading.model import Finding, Measured, Report, Verdict
from tests.course import TOY

EXERCISE = load(TOY)


def report(c1: Verdict, c2: Verdict = "pass", seed: int = 1) -> Report:
    findings = [("C1", c1, False), ("C2", c2, True)]
    return Report(
        exercise="day9.1",
        title={"en": "A greeting"},
        seed=seed,
        started_at="2026-11-22T10:00:00+00:00",
        seconds=1.0,
        findings=tuple(
            Finding(behaviour=ident, gold=gold, verdict=verdict, seconds=0.1, says={})
            for ident, verdict, gold in findings
        ),
    )


def graded(own: Path, result: Report, *, code: str = "mine", whole: bool = True) -> None:
    """One grading as `lab check` leaves it."""
    folder = records.new(own, result.exercise)
    attempt = Attempt(code=code, whole=whole)
    records.keep(folder, result, attempt)
    with opened(own) as progress:
        progress.note(folder.name, result, attempt)


def standing(own: Path) -> Standing:
    with opened(own) as progress:
        return progress.standing("day9.1")


def test_the_best_figure_is_that_of_a_whole_pass(tmp_path: Path) -> None:
    def measured(value: float, verdict: Verdict) -> Report:
        letters = next(figure for figure in EXERCISE.figures if figure.name == "letters")
        return replace(report(verdict), figures=(Measured(figure=letters, value=value),))

    assert with_best(measured(9, "fail"), tmp_path).figures[0].best is None
    assert with_best(measured(9, "pass"), tmp_path).figures[0].best == 9
    graded(tmp_path, measured(1, "fail"))
    graded(tmp_path, measured(2, "pass"), whole=False)
    graded(tmp_path, measured(5, "pass"))
    assert with_best(measured(9, "pass"), tmp_path).figures[0].best == 5
    assert with_best(measured(4, "pass"), tmp_path).figures[0].best == 4
    assert with_best(measured(4, "fail"), tmp_path).figures[0].best == 5


def test_each_version_of_the_code_is_kept_once_while_a_recent_grading_had_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "KEPT", 2)
    own, mine = tmp_path / "own", tmp_path / "mine"
    mine.mkdir()
    programs = {"greeter": Source(dir=mine, run="")}
    versions = []
    for text in ("one", "two", "two", "three"):
        (mine / "app.py").write_text(f"{text}\nlines\n")
        (mine / "picture.png").write_bytes(b"\xff\xfe")
        versions.append(records.fingerprint(programs))
        graded(own, report("fail"), code=versions[-1])
        records.keep_code(own, versions[-1], programs)
    assert records.code(own, versions[0]) is None
    assert records.code(own, versions[1]) == {"greeter/app.py": ["two", "lines"]}
    assert len(list((own / records.CODE).iterdir())) == 2
    (mine / "large.sql").write_bytes(b"x" * (records.LARGEST + 1))
    records.keep_code(own, "too large", programs)
    assert records.code(own, "too large") is None


def test_attempts_passes_and_gold_are_counted(tmp_path: Path) -> None:
    graded(tmp_path, report("fail"), code="first")
    assert standing(tmp_path) == Standing(attempts=1, failures=1, failing=("C1",), last="2026-11-22T10:00:00+00:00")
    graded(tmp_path, report("pass", "fail"), code="second")
    graded(tmp_path, report("pass", "pass"), code="third")
    graded(tmp_path, report("fail"), code="broken again")
    stands = standing(tmp_path)
    assert (stands.attempts, stands.passed, stands.gold, stands.failing) == (4, True, 1, ("C1",))


def test_points_grow_with_gold() -> None:
    assert (EXERCISE.earned(0), EXERCISE.earned(1), EXERCISE.best) == (10, 11, 11)


def test_only_honest_failures_of_different_code_count(tmp_path: Path) -> None:
    for _ in range(3):
        graded(tmp_path, report("fail"), code="the same")
    graded(tmp_path, report("unknown"), code="never healthy")
    graded(tmp_path, report("error"), code="the lab's own fault")
    graded(tmp_path, report("fail"), code="only one behaviour", whole=False)
    assert standing(tmp_path).failures == 1
    assert standing(tmp_path).attempts == 4


def test_hints_that_were_opened_are_remembered(tmp_path: Path) -> None:
    with opened(tmp_path) as progress:
        progress.open_hint("day9.1", 1)
        progress.open_hint("day9.1", 2)
        progress.open_hint("day9.1", 1)
    assert standing(tmp_path).hints == 2


@pytest.mark.parametrize("harm", [b"", b"not a database, but a shopping list " * 40])
def test_a_corrupt_file_is_kept_and_told_again_by_the_records(tmp_path: Path, harm: bytes) -> None:
    graded(tmp_path, report("fail"), code="first")
    graded(tmp_path, report("pass"), code="second")
    before = standing(tmp_path)
    whole = (tmp_path / "progress.db").read_bytes()
    broken = harm or whole[:2048] + b"\xff" * (len(whole) - 2048)
    (tmp_path / "progress.db").write_bytes(broken)
    with opened(tmp_path) as progress:
        assert progress.rebuilt
        assert progress.rebuilt.read_bytes() == broken
        assert progress.rebuilt.name.endswith(".bak")
        assert progress.standing("day9.1") == before
    with opened(tmp_path) as progress:
        assert progress.rebuilt is None


def test_a_record_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    graded(tmp_path, report("pass"))
    graded(tmp_path, report("fail"))
    (tmp_path / "records" / "0002-day9.1" / "report.json").write_text("{")
    (tmp_path / "progress.db").write_bytes(b"x" * 5000)
    assert standing(tmp_path).attempts == 1


def test_a_file_of_a_later_lab_is_left_alone(tmp_path: Path) -> None:
    graded(tmp_path, report("pass"))
    with sqlite3.connect(tmp_path / "progress.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = (tmp_path / "progress.db").read_bytes()
    with pytest.raises(NewerProgress):
        Progress(tmp_path)
    assert (tmp_path / "progress.db").read_bytes() == before


def test_records_are_numbered_and_old_ones_keep_only_their_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "KEPT", 2)
    for seed in (1, 2, 3):
        folder = records.new(tmp_path, "day9.1")
        (folder / "greeter.log").write_text("long")
        records.keep(folder, report("pass", seed=seed), Attempt(code="", whole=True))
    records.new(tmp_path, "day9.2")
    assert [folder.name for folder, _, _ in records.read(tmp_path)] == ["0001-day9.1", "0002-day9.1", "0003-day9.1"]
    kept = [path.parent.name for path in sorted(tmp_path.glob("records/*/greeter.log"))]
    assert kept == ["0003-day9.1"]
    assert records.last(tmp_path) == "day9.2"


def mine(folder: Path) -> Mapping[str, Source]:
    return sources(EXERCISE, folder)


def test_the_fingerprint_is_that_of_what_somebody_wrote(tmp_path: Path) -> None:
    shutil.copytree(TOY / "starter", tmp_path / "mine")
    before = records.fingerprint(mine(tmp_path / "mine"))
    assert before == records.fingerprint(mine(TOY / "starter"))
    for built in ("__pycache__", "bin", ".venv", "node_modules"):
        (tmp_path / "mine" / "greeter" / built).mkdir(exist_ok=True)
        (tmp_path / "mine" / "greeter" / built / "file").write_text("built")
    assert records.fingerprint(mine(tmp_path / "mine")) == before
    (tmp_path / "mine" / "greeter" / "new.py").touch()
    assert records.fingerprint(mine(tmp_path / "mine")) != before


def test_the_solution_opens_after_a_pass_or_five_honest_failures(tmp_path: Path) -> None:
    untouched = records.fingerprint(mine(TOY / "starter"))
    graded(tmp_path, report("fail"), code=untouched)
    for number in range(4):
        graded(tmp_path, report("fail"), code=f"version {number}")
    with opened(tmp_path) as progress:
        assert not reveal.is_open(reveal.standing(progress, EXERCISE))
    graded(tmp_path, report("fail"), code="version 4")
    with opened(tmp_path) as progress:
        assert reveal.is_open(reveal.standing(progress, EXERCISE))
    graded(tmp_path / "other", report("pass"))
    with opened(tmp_path / "other") as progress:
        assert reveal.is_open(reveal.standing(progress, EXERCISE))


def test_the_solution_is_a_difference_to_the_learners_files() -> None:
    lines = list(reveal.difference(EXERCISE, mine(TOY / "starter"), "python"))
    assert lines[:2] == ["--- mine/greeter/greeter/app.py", "+++ ours/greeter/greeter/app.py"]
    assert '-        return {"greeting": ""}' in lines
    with prepared(EXERCISE, Variant("solution")) as ours:
        assert list(reveal.difference(EXERCISE, ours, "python")) == []
        whole = list(reveal.difference(EXERCISE, ours, "cobol"))  # nothing of theirs can be compared
    assert "+++ ours/greeter/greeter/app.py" in whole
    assert not any(line.startswith("-") and line != "--- /dev/null" for line in whole)
    assert next(iter(reveal.difference(EXERCISE, {}, "python"))) == "--- /dev/null"
