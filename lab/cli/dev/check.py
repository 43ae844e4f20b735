"""`lab dev check`: the gate that an exercise must pass."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lab.cli import complete, exits, values
from lab.cli.dev.choice import Choice
from lab.cli.failure import Failure, unknown
from lab.cli.options import Json
from lab.cli.output import out, paint, say, span, table

if TYPE_CHECKING:
    from lab.course.exercise import Exercise
    from lab.course.gate import Grade, Planned, Row, Trial
    from lab.course.grading import Done
    from lab.course.variants import Variant
    from lab.grading.model import Assignment
    from lab.grading.stage import Watcher

EXAMPLES = (
    "lab dev check",
    "lab dev check day5.3 --seeds 20",
    "lab dev check day5.3 --solution --behaviour C4",
    "lab dev check day5.3 --wrong no-lock",
    "lab dev check day5.3 --right flask --seeds 5",
    "lab dev check --changed main --most 60",
)
SEEDS = 5
"""Seeds with which the gate grades a solution unless it is told otherwise."""


def check(
    idents: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="day5.3, day5 or all.", autocompletion=complete.exercises),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help=f"Grade what must pass with so many seeds; {SEEDS} if left out."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=values.LARGEST_SEED, help="The first seed.")] = 1,
    changed: Annotated[
        str, typer.Option(metavar="REV", help="Only exercises that have changed in git since that commit.")
    ] = "",
    most: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="At most so many gradings, a long one for several: those of --changed, then a sample by the seed.",
        ),
    ] = None,
    solution: Annotated[bool, typer.Option("--solution", help="Only the solution, with its report.")] = False,
    starter: Annotated[bool, typer.Option("--starter", help="Only the starter, with its report.")] = False,
    wrong: Annotated[str, typer.Option(metavar="NAME", help="Only that wrong service, with its report.")] = "",
    right: Annotated[str, typer.Option(metavar="NAME", help="Only that right service, with its report.")] = "",
    language: Annotated[str, typer.Option(help="With --solution or --starter: which.")] = "python",
    behaviour: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only that behaviour, and what it needs; repeatable.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Of one program: what is shorter in the gate lasts as long as for a learner.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="How many gradings at a time; by default one per core.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Prove exercises: the starter fails, the solution and right services pass, wrong ones fail what they declare.

    The whole gate grades what must pass while every core is kept busy. Of one program alone it shows the report, and
    keeps the cores busy only with --seeds.
    """
    from lab.course import catalog
    from lab.course.attempt import with_needs

    words = idents or ["all"]
    if sum((solution, starter, bool(wrong), bool(right))) > 1:
        raise typer.BadParameter("--solution, --starter, --wrong and --right exclude each other")
    if solution or starter or wrong or right:
        if changed or most:
            raise typer.BadParameter("--changed and --most choose among programs; --solution names one")
        if len(words) != 1:
            raise typer.BadParameter("one program is of one exercise; name it, like day5.3")
        exercise = catalog.named(words[0])
        variant = _variant(exercise, "starter" if starter else "solution", language, wrong, right)
        only = with_needs(exercise, behaviour or [])
        raise typer.Exit(
            _one(exercise, variant, _seeds(seed, seeds or 1), only, full=full, busy=bool(seeds), as_json=as_json)
        )
    if behaviour or full:
        raise typer.BadParameter("--behaviour and --full go with --solution, --starter, --wrong or --right")
    raise typer.Exit(
        _gate(
            words,
            _seeds(seed, seeds or SEEDS),
            jobs or os.cpu_count() or 1,
            choice=Choice(changed, most) if changed or most else None,
            as_json=as_json,
        )
    )


def _seeds(first: int, count: int) -> Sequence[int]:
    return range(first, first + count)


def _variant(
    exercise: Exercise, ours: Literal["starter", "solution"], language: str, wrong: str, right: str
) -> Variant:
    from lab.course.variants import Variant, missing_tool, variants

    names = {variant.name: variant for variant in variants(exercise)}
    if wrong and wrong not in (known := [one.name for one in exercise.wrong]):
        raise unknown("wrong service", wrong, known)
    if right and right not in (known := [one.name for one in exercise.right]):
        raise unknown("right service", right, known)
    if wrong or right:
        wanted = Variant("wrong", which=wrong) if wrong else Variant("right", which=right)
    else:
        wanted = Variant(ours, language)
    if wanted.name not in names:
        raise unknown("program", wanted.name, names)
    if missing := missing_tool(exercise, wanted):
        raise Failure(f"{missing} is not installed", code=exits.MISSING)
    return wanted


def _one(
    exercise: Exercise,
    variant: Variant,
    seeds: Sequence[int],
    only: Sequence[str],
    *,
    full: bool,
    busy: bool,
    as_json: bool,
) -> int:
    """Grade one program and print its reports; the exit code."""
    from lab.cli.exercise.grading_line import GradingLine
    from lab.course import gate
    from lab.course.busy import busy_cores

    done = []
    with (
        tempfile.TemporaryDirectory(prefix="lab-dev-") as records,
        GradingLine() as line,
        busy_cores() if busy else nullcontext(),
    ):
        for seed in seeds:
            grade = _grader(records, line.of(exercise))
            done.append(gate.trial(exercise, variant, grade, seed, only=only or None, full=full))
            line.clear()
            if not as_json and (report := done[-1].report):
                from lab.cli.exercise.reports import show

                show(report)
    if as_json:
        _json({"trials": done})
    for trial in done:
        for hole in trial.holes:
            say(paint(f"hole: {variant.name}, seed {trial.seed}: {hole}", "bad"))
    return exits.FAILED if any(trial.holes for trial in done) else exits.OK


def _gate(words: Sequence[str], seeds: Sequence[int], jobs: int, *, choice: Choice | None, as_json: bool) -> int:
    """The whole gate; prints the matrix, and says each hole as soon as it is found."""
    from lab.course import catalog
    from lab.course.gate import Row, plan, row
    from lab.course.lint import lint

    known, unreadable = catalog.read()
    broken = [problem for problem in unreadable if any(map(problem.means, words))]
    chosen = list({one.id: one for word in words for one in catalog.several(word, but=broken)}.values())
    rows = [Row(exercise=problem.id or problem.folder.name, holes=list(problem.problems)) for problem in broken]
    missing = {exercise.id: lint(exercise, known) for exercise in chosen}
    for exercise in chosen:
        for sentence in missing[exercise.id]:
            say(f"{exercise.id}: {sentence}")
    began = time.monotonic()
    planned = [(exercise, *one) for exercise in chosen if _whole(exercise) for one in plan(exercise, seeds)]
    if choice:
        planned = choice.of(planned, seeds[0])
    done = list(_all(planned, jobs))
    for exercise in chosen:
        its = [one for one in done if one.exercise == exercise.id]
        if its or missing[exercise.id] or not choice:
            rows.append(row(exercise, missing[exercise.id], its))
    if as_json:
        _json({"rows": rows})
    else:
        _matrix(rows)
        out(f"\n{len(rows)} exercises, {span(time.monotonic() - began)}")
    return exits.FAILED if any(one.holes for one in rows) else exits.OK


def _all(planned: Sequence[Planned], jobs: int) -> Iterator[Trial]:
    """What must pass is graded on busy cores; what must fail on idle ones, where noise cannot hide a mistake."""
    from lab.cli.progress_line import ProgressLine
    from lab.course.busy import busy_cores
    from lab.course.trials import Trials

    ended = 0
    with ProgressLine() as line, Trials(jobs) as trials:
        for right in (True, False):
            phase = [one for one in planned if (one[1].kind in ("solution", "right")) is right]
            with busy_cores() if right else nullcontext():
                line.show(f"{ended} of {len(planned)} gradings are over")
                for trial in trials.run(phase):
                    ended += 1
                    line.clear()
                    say(_told(trial))
                    line.show(f"{ended} of {len(planned)} gradings are over")
                    yield trial


def _whole(exercise: Exercise) -> bool:
    return exercise.checks.is_file() and (exercise.folder / "solution").is_dir()


def _grader(records: str, tell: Watcher) -> Grade:
    from lab.course.grading import Grading, Task

    def grade(assignment: Assignment, seed: int, only: Sequence[str]) -> Done:
        with Grading() as grading:
            task = Task(assignment=assignment, seed=seed, records=records, only=tuple(only), traces=True)
            return grading.grade(task, tell)

    return grade


def _told(trial: Trial) -> str:
    verdict = "; ".join(trial.holes) or "as it should be"
    return f"{trial.exercise} {trial.variant}, seed {trial.seed}: {verdict} ({trial.seconds:.1f} s)"


def _matrix(rows: Sequence[Row]) -> None:
    table(
        ("EXERCISE", "BEHAVIOURS", "RIGHT PASSED", "WRONG CAUGHT", "SOLUTION", "ALL", "HOLES"),
        [
            (
                one.exercise,
                f"{one.must} + {one.gold} gold" if one.gold else str(one.must),
                f"{one.passed}/{one.right}",
                f"{one.caught}/{one.wrong}",
                f"{one.solution:.1f} s" if one.solution else "–",
                span(one.seconds),
                str(len(one.holes)) if one.holes else "none",
            )
            for one in rows
        ],
        {0: ["name"] * len(rows)},
    )
    for one in rows:
        for skipped in one.skipped:
            out(paint(f"skipped  {one.exercise} {skipped}", "warn"))
        for shorter in one.shorter:
            out(paint(f"shorter  {one.exercise} {shorter}", "dim"))
        for hole in one.holes:
            out(paint(f"hole     {one.exercise} {hole}", "bad"))


def _json(data: dict[str, object]) -> None:
    import msgspec

    out(msgspec.json.encode({"schema_version": 1, **data}).decode())
