"""The author gate finds every hole: in what stands in the folder, and in what a grading shows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from lab.course import claims, gate
from lab.course.busy import busy_cores
from lab.course.exercise import Command, Exercise
from lab.course.grading import Done
from lab.course.grading_process import traces
from lab.course.lint import lint, proved
from lab.course.manifest import load
from lab.course.variants import Unusable, Variant, missing_tool, prepared, variants
from lab.grading.model import Assignment, Finding, Measured, Report, Verdict
from tests.course import TOY
from tests.waiting import eventually

EXERCISE = load(TOY)
CHECKS = TOY / "checks.py"
MAIN = "{}/greeter/greeter/__main__.py"


def finding(ident: str, verdict: Verdict, code: str = "", *, gold: bool = False) -> Finding:
    return Finding(behaviour=ident, gold=gold, verdict=verdict, seconds=0.1, says={}, code=code)


def report(*findings: Finding) -> Report:
    figures = tuple(Measured(figure=figure, value=1.0) for figure in EXERCISE.figures)
    return Report(exercise="day9.1", title={}, seed=1, started_at="", seconds=1.5, findings=findings, figures=figures)


def grader(c1: str, c2: str) -> gate.Grade:
    """Grades by reading what the service would answer: the verdict is in its source."""

    def grade(assignment: Assignment, _seed: int, only: Sequence[str]) -> Done:
        folder = Path(assignment.system.services[0].dir or "")
        source = "".join(path.read_text() for path in folder.rglob("*.py"))
        named, ours = "{name}!" in source, "WORDS[settings.language]" in source or "WORDS[LANGUAGE]" in source
        found = [
            finding("C1", "pass" if named else "fail", c1),
            finding("C2", "pass" if ours else "fail", c2, gold=True),
        ]
        return Done(report(*(one for one in found if not only or one.behaviour in only)))

    return grade


RIGHT = grader("nameless", "foreign")


def row(exercise: Exercise, grade: gate.Grade, seeds: Sequence[int]) -> gate.Row:
    """The exercise's line of the matrix when it is graded like this."""
    done = [gate.trial(exercise, variant, grade, seed) for variant, seed in gate.plan(exercise, seeds)]
    return gate.row(exercise, [], done)


def test_a_figure_that_nobody_measures_is_a_hole() -> None:
    def without(assignment: Assignment, seed: int, only: Sequence[str]) -> Done:
        return Done(replace(RIGHT(assignment, seed, only).report, figures=()))

    trial = gate.trial(EXERCISE, Variant("solution"), without, 1)
    assert trial.holes == ("the figure letters was not measured", "the figure warmth was not measured")


def test_what_is_complete_has_no_holes() -> None:
    assert lint(EXERCISE, [EXERCISE]) == []
    line = row(EXERCISE, RIGHT, [1, 2])
    assert (line.must, line.gold, line.wrong, line.caught, line.holes) == (1, 1, 2, 2, [])
    assert (line.right, line.passed) == (2, 2)
    assert line.solution == 1.5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "brief.uz.md").unlink(), "brief.uz.md: missing, or no text"),
        (lambda folder: _edit(folder / "brief.en.md", "C2", "C9"), "brief.en.md: does not name C2"),
        (lambda folder: _edit(folder / "brief.en.md", "## Notes", "Notes"), "brief.en.md: has fewer than 4 sections"),
        (lambda folder: _edit(folder / "hints.en.md", "3. Say", "Say"), "hints.en.md: has 2 hints on C1, not 3"),
        (
            lambda folder: _edit(folder / "hints.en.md", "3. Say", "3. [go] Say"),
            "hints.en.md: on C1 a hint says nothing to",
        ),
        (
            lambda folder: _edit(folder / "brief.en.md", "## Notes", "## Notes\n- [perl] x"),
            "brief.en.md: speaks to [perl]",
        ),
        (lambda folder: _edit(folder / "hints.uz.md", "kirdi?", "kirdi"), "hints.uz.md: the first hint on C1 is no"),
        (lambda folder: _edit(folder / "hints.uz.md", "## C1", "## C2"), "hints.uz.md: no hint is on C1"),
        (lambda folder: _edit(folder / "hints.uz.md", "## C1", "## C2"), "hints.uz.md: C2 has two topics"),
        (lambda folder: _edit(folder / "hints.en.md", "## C2", "## C7"), "hints.en.md: has hints on C7, which is no"),
        (lambda folder: _edit(folder / "hints.en.md", "## C2", "## C7"), "hints: the topics differ"),
        (lambda folder: _edit(folder / "checks.py", '@behaviour("C2")', ""), "checks.py: nothing proves C2"),
        (
            lambda folder: _edit(folder / "checks.py", '@behaviour("C2")', ""),
            "checks.py: check_the_language_is_ours does not say which behaviour it proves",
        ),
        (lambda folder: _edit(folder / "checks.py", '"C2"', '"C5"'), "checks.py: check_the_language_is_ours proves C5"),
        (lambda folder: _edit(folder / "checks.py", "def check_the_l", "def"), "checks.py: invalid syntax"),
        (
            lambda folder: _edit(folder / "checks.py", "from typing", "import lab.runtime.launch\nfrom typing"),
            "checks.py:5: imports lab.runtime.launch, which is not for it",
        ),
        (
            lambda folder: _edit(folder / "solution/greeter/greeter/app.py", "chassis.health", "chassis.outbox"),
            "solution/greeter/greeter/app.py:9: imports lab.chassis.outbox, which is not for it",
        ),
        (
            lambda folder: (folder / "starter/greeter/greeter/x.py").write_text("from lab.chassis import retry"),
            "starter/greeter/greeter/x.py:1: imports lab.chassis.retry, which is not for it",
        ),
        (
            lambda folder: _edit(folder / "exercise.toml", "\n[title]", 'stubs = ["user"]\n[title]'),
            'exercise.toml: no ready-made stub is named user; did you mean "users"?',
        ),
        (lambda folder: shutil.rmtree(folder / "starter" / "greeter"), "starter/greeter: missing"),
        (lambda folder: shutil.rmtree(folder / "solution"), "solution: missing"),
        (lambda folder: shutil.rmtree(folder / "right"), "right: no correct service of another style passes"),
        (lambda folder: (folder / "right" / "empty").mkdir(), "right/empty/greeter: missing"),
        (
            lambda folder: (folder / "right/stdlib/greeter/more.py").write_text("from lab.chassis import web"),
            "right/stdlib/greeter/more.py:1: imports lab.chassis.web, which is not for it",
        ),
        (
            lambda folder: shutil.copy2(folder / MAIN.format("starter"), folder / MAIN.format("solution")),
            "solution/greeter/greeter/__main__.py: is the same in starter, so it need not stand here",
        ),
        (
            lambda folder: (folder / "solution" / "REMOVED").write_text("greeter/greeter/old.py\n"),
            "solution/REMOVED: names greeter/greeter/old.py, which starter does not have",
        ),
        (
            lambda folder: (folder / "starter" / "greeter" / "more.py").symlink_to("../../../other/more.py"),
            "starter/greeter/more.py: links to no file",
        ),
        (
            lambda folder: (folder / "starter" / "greeter" / "more.py").symlink_to(__file__),
            "starter/greeter/more.py: links to a file outside the exercises",
        ),
        (lambda folder: (folder / "solution.ada").mkdir(), "solution.ada: exercise.toml does not say how ada is run"),
        (lambda folder: _brief(folder, "{{contract}}", ""), "brief.en.md: has no place {{contract}}"),
        (lambda folder: _brief(folder, "{{contract}}", "{{contract more}}"), "no [[contract]] has part = 'more'"),
        (lambda folder: _brief(folder, "{{environment}}", "none"), "brief.en.md: has no place {{environment}}"),
        (lambda folder: _brief(folder, "environment}}", "environment cook}}"), "{{environment cook}} names no service"),
        (
            lambda folder: _brief(folder, "Environment", "409 `name_taken`"),
            "says 409 name_taken, which no [[contract]] promis",
        ),
        (
            lambda folder: _edit(folder / "exercise.toml", "unknown_guest", "no_such_guest"),
            "exercise.toml: promises no_such_guest, which checks.py does not look for",
        ),
        (lambda folder: shutil.rmtree(folder / "wrong" / "forgets-the-name"), "wrong: no wrong service fails C1"),
        (lambda folder: (folder / "claims.toml").unlink(), "claims.toml: missing"),
        (lambda folder: _claims(folder, "[[claims]]", "[claims"), "claims.toml: line 1"),
        (lambda folder: _claims(folder, "→ 200", "→ 300"), '"→ 300 `{greeting}`" does not stand in brief.en.md'),
        (lambda folder: _claims(folder, "Greet", "Gret"), 'no claim says "Greet them."'),
        (lambda folder: _claims(folder, "says = ", "sais = "), "[[claims]] 1 sais: no such key; did you mean"),
        (
            lambda folder: _claims(folder, "explains = true", ""),
            '"Greet them." is either proved, not proved, or',
        ),
        (
            lambda folder: _claims(folder, 'broken_by = ["forgets-the-name"]', ""),
            "needs both: what proves it",
        ),
        (lambda folder: _claims(folder, '["C1"]', '["C9"]'), "is proved by C9, which is no behaviour of day9.1"),
        (lambda folder: _claims(folder, '["C1"]', '["C2"]'), "by forgets-the-name, which fails C1, and that does not"),
        (lambda folder: _claims(folder, '["C1"]', '["C2"]'), "no claim is proved by C1"),
        (
            lambda folder: _claims(folder, '["always', '["never'),
            "never-in-english, which is no wrong servic",
        ),
        (lambda folder: _claims(folder, '["always', '["never'), "no claim is broken by always-in-english"),
        (
            lambda folder: _edit(folder / "exercise.toml", "\n[title]", 'needs = ["day1.1"]\n[title]'),
            "needs day1.1, wh",
        ),
        (
            lambda folder: _edit(folder / "exercise.toml", "env = {", 'carries = "day1.1"\nenv = {'),
            "exercise.toml: greeter carries on day1.1, which there is not",
        ),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, change: Callable[[Path], object], said: str) -> None:
    folder = tmp_path / "day9" / "greeting"
    shutil.copytree(TOY, folder)
    change(folder)
    exercise = load(folder)
    assert any(said in hole for hole in lint(exercise, [exercise]))


def test_each_sentence_of_a_brief_is_to_be_met() -> None:
    text = """
Three things. Ids are opaque, and an unknown one is a
404. `GET /a?b.c` says it, in 1.5 s.

- **A wall.** Nobody passes,
  not even by day. (So it is.)

| what | how |
| --- | :-: |
| one. Two | 201 |

### More

```
- code. Is read by nobody.
```

1. First:
"""
    assert sorted(claims.sentences(text)) == [
        "(So it is.)",
        "**A wall.**",
        "First:",
        "Ids are opaque, and an unknown one is a 404.",
        "Nobody passes, not even by day.",
        "Three things.",
        "`GET /a?b.c` says it, in 1.5 s.",
        "| one. Two | 201 |",
    ]


def _claims(folder: Path, old: str, new: str) -> None:
    _edit(folder / "claims.toml", old, new)


def _brief(folder: Path, old: str, new: str) -> None:
    _edit(folder / "brief.en.md", old, new)


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_checks_are_found_by_the_behaviour_that_they_prove() -> None:
    assert proved(CHECKS.read_text()) == {
        "C1": ["check_the_name_is_said"],
        "C2": ["check_the_language_is_ours"],
    }


def test_a_starter_must_fail_and_nothing_about_it_be_unclear() -> None:
    assert gate.starter_holes(report(finding("C1", "fail"), finding("C2", "pass"))) == []
    assert gate.starter_holes(report(finding("C1", "pass"), finding("C2", "fail", gold=True)))
    assert gate.starter_holes(report(finding("C1", "fail"), finding("C2", "unknown"))) == ["C2 unknown"]
    assert gate.starter_holes(report())


def test_a_solution_must_pass_everything() -> None:
    assert gate.solution_holes(report(finding("C1", "pass"))) == []
    assert gate.solution_holes(report(finding("C1", "pass"), finding("C2", "fail", "foreign"))) == ["C2 fail foreign"]
    assert gate.solution_holes(report())


@pytest.mark.parametrize(
    ("findings", "holes"),
    [
        ([finding("C1", "fail", "nameless")], []),
        ([finding("C1", "pass")], ["it passes C1, which it should fail"]),
        ([finding("C1", "fail", "timeout")], ["it fails C1 with the code timeout, not nameless"]),
        ([finding("C1", "error")], ["C1 error"]),
    ],
)
def test_a_wrong_service_must_fail_what_it_declares(findings: list[Finding], holes: list[str]) -> None:
    assert gate.wrong_holes(report(*findings), EXERCISE, EXERCISE.wrong[0]) == holes


def test_a_wrong_service_must_fail_nothing_above() -> None:
    wrong = EXERCISE.wrong[1]
    found = report(finding("C1", "fail", "nameless"), finding("C2", "fail", "foreign"))
    assert gate.wrong_holes(found, EXERCISE, wrong) == ["already C1 fail nameless"]


def test_gold_above_counts_only_for_a_wrong_service_that_fails_a_gold_one() -> None:
    first, second = EXERCISE.behaviours
    turned = replace(EXERCISE, behaviours=(replace(second, needs=()), first))
    assert gate.before(turned, turned.wrong[0]) == ["C1"]
    assert gate.before(EXERCISE, EXERCISE.wrong[1]) == ["C1", "C2"]


def test_the_solution_is_graded_with_every_seed_and_the_rest_with_the_first() -> None:
    assert [(variant.name, seed) for variant, seed in gate.plan(EXERCISE, [7, 8])] == [
        ("starter", 7),
        ("solution", 7),
        ("solution", 8),
        ("right/stdlib", 7),
        ("right/stdlib", 8),
        ("wrong/forgets-the-name", 7),
        ("wrong/always-in-english", 7),
    ]


def test_a_grading_that_finds_nothing_is_a_hole() -> None:
    blind: gate.Grade = lambda *_: Done(report(finding("C1", "pass"), finding("C2", "pass", gold=True)))  # noqa: E731
    line = row(EXERCISE, blind, [1])
    assert line.caught == 0
    assert [hole.partition(",")[0] for hole in line.holes] == [
        "starter",
        "wrong/forgets-the-name",
        "wrong/always-in-english",
    ]


def test_a_process_and_a_port_that_are_left_are_holes() -> None:
    import socket

    left = subprocess.Popen(["sleep", "60"])
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        mine = {f"process {left.pid} sleep", f"port {listener.getsockname()[1]} of process {os.getpid()}"}
        try:  # a broker that this worker has started for other tests has children, too, and they come and go
            messy = Done(report(finding("C1", "fail")), tuple(sorted(traces() & mine)))
        finally:
            left.kill()
            left.wait()
    holes = gate.trial(EXERCISE, Variant("starter"), lambda *_: messy, 1).holes
    assert [hole.split()[2] for hole in holes] == ["port", "process"]


def test_programs_are_run_in_a_copy_that_goes_away() -> None:
    with prepared(EXERCISE, Variant("wrong", which="forgets-the-name")) as programs:
        folder = programs["greeter"].dir
        assert "{name}!" not in (folder / "greeter" / "app.py").read_text()
    assert not folder.exists()
    assert "{name}!" in (TOY / "solution" / "greeter" / "greeter" / "app.py").read_text()


def test_a_solution_is_laid_over_its_starter(tmp_path: Path) -> None:
    folder = tmp_path / "day9" / "greeting"
    shutil.copytree(TOY, folder)
    shared = tmp_path / "shared.py"
    shared.write_text("shared")
    for name in ("kept.py", "changed.py", "removed.py"):
        (folder / "starter" / "greeter" / name).write_text("starter")
    (folder / "starter" / "greeter" / "shared.py").symlink_to(shared)
    for name in ("changed.py", "new.py"):
        (folder / "solution" / "greeter" / name).write_text("solution")
    (folder / "solution" / "REMOVED").write_text("greeter/removed.py\n")
    with prepared(load(folder), Variant("solution")) as programs:
        texts = {path.name: path.read_text() for path in programs["greeter"].dir.glob("*.py") if not path.is_symlink()}
        assert not (programs["greeter"].dir.parent / "REMOVED").exists()
    assert texts == {"kept.py": "starter", "changed.py": "solution", "new.py": "solution", "shared.py": "shared"}


def test_a_patch_that_does_not_apply_is_a_hole(tmp_path: Path) -> None:
    folder = tmp_path / "day9" / "greeting"
    shutil.copytree(TOY, folder)
    _edit(folder / "solution" / "greeter" / "greeter" / "app.py", "{name}!", "{name}.")
    exercise = load(folder)
    with (
        pytest.raises(Unusable, match="does not apply"),
        prepared(exercise, Variant("wrong", which="forgets-the-name")),
    ):
        pass
    trial = gate.trial(exercise, Variant("wrong", which="forgets-the-name"), RIGHT, 1)
    assert "change.patch does not apply to the solution" in trial.holes[0]


def test_a_patch_applies_inside_a_repository_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with prepared(EXERCISE, Variant("wrong", which="forgets-the-name")) as programs:
        assert "{name}!" not in (programs["greeter"].dir / "greeter" / "app.py").read_text()


def test_a_language_whose_tools_are_missing_is_skipped(tmp_path: Path) -> None:
    folder = tmp_path / "day9" / "greeting"
    shutil.copytree(TOY, folder)
    (folder / "solution.shell" / "greeter").mkdir(parents=True)
    exercise = load(folder)
    assert [one.name for one in variants(exercise)] == [
        "starter",
        "solution",
        "solution.shell",
        "right/stdlib",
        "wrong/forgets-the-name",
        "wrong/always-in-english",
    ]
    assert missing_tool(exercise, Variant("solution", "shell")) == "no-such-tool"
    line = row(exercise, RIGHT, [1])
    assert line.skipped == ["solution.shell: no-such-tool is not installed"]
    assert line.holes == []


@pytest.mark.parametrize(
    ("says", "missing", "command"),
    [
        ('packages = ["no_such_package"]', "no_such_package", Command(run="python -m {service}")),
        ('packages = ["http.server"]', "", Command(run="python -m {service}")),
        ('language = "shell"', "no-such-tool", Command(build="no-such-tool build", run="./greeter")),
        ('language = "shell"\nbuild = ""', "", Command(run="./greeter")),
        ('language = "ada"\nrun = "no-such-ada"', "no-such-ada", Command(run="no-such-ada")),
    ],
)
def test_a_right_service_says_how_it_is_run_and_is_skipped_without_what_it_needs(
    tmp_path: Path, says: str, missing: str, command: Command
) -> None:
    folder = tmp_path / "day9" / "greeting"
    shutil.copytree(TOY, folder)
    (folder / "right" / "stdlib" / "right.toml").write_text(says)
    exercise = load(folder)
    assert exercise.right[0].command == command
    line = row(exercise, RIGHT, [1])
    assert line.skipped == ([f"right/stdlib: {missing} is not installed"] if missing else [])
    assert (line.right, line.holes) == (0 if missing else 1, [])


def test_a_right_service_that_fails_is_a_hole() -> None:
    unjust: gate.Grade = lambda *_: Done(report(finding("C1", "pass"), finding("C2", "fail", "slow", gold=True)))  # noqa: E731
    assert gate.trial(EXERCISE, Variant("right", which="stdlib"), unjust, 1).holes == ("C2 fail slow",)


def test_the_cores_are_kept_busy_and_let_go() -> None:
    with busy_cores() as pids:
        assert len(pids) == os.cpu_count()
        loops = [psutil.Process(pid) for pid in pids]
        eventually(lambda: all(loop.cpu_times().user > 0.1 for loop in loops))
    assert not any(loop.is_running() for loop in loops)


def test_busy_loops_end_with_whoever_started_them() -> None:
    script = """
import os
from lab.course.busy import busy_cores
from lab.course.exercise import Command, Exercise
from lab.course.grading import Done
from lab.course.grading_process import traces
with busy_cores() as pids:
    print(*pids, flush=True)
    os._exit(1)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=20)
    pids = [int(pid) for pid in ran.stdout.split()]
    assert len(pids) == os.cpu_count()
    eventually(lambda: not any(psutil.pid_exists(pid) for pid in pids))


def test_what_lasts_long_is_shorter_in_the_gate_unless_all_of_it_is_wanted() -> None:
    long = replace(EXERCISE.behaviours[0], lasts=150.0, lasts_in_the_gate=45.0)
    exercise = replace(EXERCISE, behaviours=(long, *EXERCISE.behaviours[1:]))
    lasted: list[float] = []

    def grade(assignment: Assignment, seed: int, only: Sequence[str]) -> Done:
        lasted.append(assignment.behaviours[0].lasts)
        return RIGHT(assignment, seed, only)

    for full in (False, True):
        gate.trial(exercise, Variant("solution"), grade, 1, full=full)
    assert lasted == [45.0, 150.0]
    assert gate.row(exercise, [], []).shorter == ["C1 went on for 45 s, not for 150 s"]
