"""`lab check`: grade the learner's services."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import complete, exits, values
from lab.cli.exercise.files import must_be_writable
from lab.cli.exercise.grading_line import GradingLine
from lab.cli.options import Engines, Json
from lab.cli.output import out, paint, say
from lab.locale import language, tr, trn

if TYPE_CHECKING:
    from lab.course.exercise import Exercise
    from lab.course.workspace import Workspace
    from lab.grading.model import Chosen, Report

EXAMPLES = (
    "lab check",
    "lab check day5.3 --seed 81 --behaviour C4",
    "lab check 5.3 --runs 5",
    "lab check day3 -x",
    "lab check 2.2 --my-tests",
    "lab check day3.9 --seed 81 --faults 2,5",
    "lab check 5.3 --my-attack",
    "lab check all --junit report.xml --html report.html",
)


def check(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[EXERCISE]",
            help="day3.3, day3 or all; else the exercise of this folder, else the next unfinished one.",
            autocompletion=complete.gradable,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, max=values.LARGEST_SEED, help="Same seed, same data and faults. By default a new one each time."
        ),
    ] = None,
    runs: Annotated[
        int, typer.Option(min=1, metavar="K", help="Grade it K times and report how stable the result is.")
    ] = 1,
    engine: Engines = None,
    behaviour: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID", help="Only that behaviour, and what it needs; repeatable.", autocompletion=complete.behaviours
        ),
    ] = None,
    stop_at_first: Annotated[
        bool, typer.Option("-x", "--stop-at-first", help="Stop at the first behaviour that does not hold.")
    ] = False,
    schedule: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Play this schedule of faults instead of the seed's, where there is one."),
    ] = None,
    faults: Annotated[
        str | None, typer.Option(metavar="N,N", help="Only these faults of the schedule, by their numbers, or none.")
    ] = None,
    shrink: Annotated[
        bool,
        typer.Option(help="Where a schedule of faults makes a behaviour fail, search for the fewest that do."),
    ] = True,
    tests: Annotated[
        bool, typer.Option("--my-tests", help="Grade your tests instead: which wrong services do they notice?")
    ] = False,
    attacked: Annotated[
        bool, typer.Option("--my-attack", help="Play your best attack of lab attack against your own service.")
    ] = False,
    as_json: Json = False,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the reports as JUnit XML.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the reports as a page of their own.")] = None,
) -> None:
    """Grade your services: what holds, what does not, and why.

    Exit code 0 if all that must hold was proved, 1 if not, 3 if the lab itself is at fault.
    """
    from lab.cli.exercise import learner
    from lab.course import attempt

    here = learner.workspace()
    if tests:
        raise typer.Exit(_tests(here, what, engine or [], as_json=as_json))
    if attacked:
        raise typer.Exit(_attacked(here, what, seed, as_json=as_json))
    exercises = _begun(here, what)
    for file in (junit, html):
        must_be_writable(file)
    only = {exercise.id: attempt.with_needs(exercise, behaviour or []) for exercise in exercises}
    chosen = _chosen(here, exercises, schedule, faults)
    tiers = values.tiers(engine or [])
    reports: list[Report] = []
    with GradingLine() as line:
        for exercise in exercises:
            _what_is_committed(here, exercise)
            first = seed if seed is not None else attempt.any_seed()
            done: list[Report] = []
            for number in range(runs):
                how = attempt.How(
                    seed=first + number,
                    tiers=tiers,
                    only=only[exercise.id],
                    stop_at_first=stop_at_first,
                    chosen=chosen,
                    shrink=shrink and runs == 1,
                )
                with attempt.side_by_side(here, exercise) as grading:
                    done.append(attempt.attempt(here, exercise, how, grading, line.of(exercise), learner.rebuilt))
                line.clear()
                if not as_json:
                    _show(done[-1], done, language(), last=number == runs - 1)
            reports += done
    _export(reports, language(), as_json=as_json, junit=junit, html=html)
    if not as_json and len(exercises) > 1:
        _overview(reports)
    raise typer.Exit(exit_code(reports))


def _chosen(here: Workspace, exercises: Sequence[Exercise], file: Path | None, faults: str | None) -> Chosen:
    """Which faults are played. Raises BadParameter for a file that is no schedule of them."""
    from lab.course.assignment import system
    from lab.faults.schedule import InvalidSchedule, must_fit, parse
    from lab.grading.model import Chosen

    numbers = None if faults is None else values.numbers(faults)
    if file is None:
        return Chosen(faults=numbers)
    try:
        schedule = parse(file.read_text())
        for exercise in exercises:
            schedule = must_fit(schedule, system(exercise, here.programs(exercise)))
        if numbers is not None:
            schedule.only(numbers)
    except (InvalidSchedule, OSError, UnicodeDecodeError) as problem:
        raise typer.BadParameter(f"{file}: {problem}") from None
    return Chosen(schedule=str(schedule), file=str(file), faults=numbers)


def _tests(here: Workspace, what: str | None, engine: list[str], *, as_json: bool) -> int:
    from lab.cli.exercise import learner
    from lab.cli.exercise.my_tests import check_tests

    return check_tests(here, learner.chosen(here, what), values.tiers(engine), as_json=as_json)


def _attacked(here: Workspace, what: str | None, seed: int | None, *, as_json: bool) -> int:
    from lab.cli.exercise import learner
    from lab.cli.exercise.attack import check_withstands

    return check_withstands(here, learner.chosen(here, what), seed, as_json=as_json)


def exit_code(reports: Sequence[Report]) -> int:
    """The exit code for the reports."""
    if any(report.broken for report in reports):
        return exits.MISSING
    return exits.OK if all(report.good for report in reports) else exits.FAILED


def _begun(here: Workspace, what: str | None) -> list[Exercise]:
    """The exercises that are meant; of several only those that the learner has begun. Raises NotStarted, NoneStarted,
    Incomplete."""
    from lab.cli.exercise import learner
    from lab.course import branches, catalog

    if what is None:
        exercise = learner.chosen(here, None)
        say(f"{exercise.id} {exercise.title[language()]}")
        return [exercise]
    meant = catalog.several(what)
    begun, waiting = here.started(meant, lambda one: branches.on_branch(here, one))
    if waiting:
        say(tr("not started: {waiting}", waiting=", ".join(exercise.number for exercise in waiting)))
    return begun


def _what_is_committed(here: Workspace, exercise: Exercise) -> None:
    """Of an exercise on a branch, say which commit is graded, and which changes are not in it."""
    if not exercise.branch:
        return
    from lab.course import branches

    tip, changed = branches.uncommitted(here, exercise)
    say(tr("{id}: what is committed on {branch} is graded, at {tip}", id=exercise.id, branch=exercise.branch, tip=tip))
    if changed:
        say(
            paint(
                trn(
                    "  {count} file has changes that are not committed, so they are not graded: {file}",
                    "  {count} files have changes that are not committed, so they are not graded: {file} …",
                    len(changed),
                    file=changed[0],
                ),
                "warn",
            )
        )


def _show(report: Report, done: Sequence[Report], language: str, *, last: bool) -> None:
    """Of several runs the first failure is told in full, then only whether each passed, then how stable it is."""
    from lab.cli.exercise import reports

    if last and len(done) == 1:
        reports.show(report, language)
        return
    if not report.good and all(earlier.good for earlier in done[:-1]):
        reports.show(report, language)
    verdict = _verdict([report])
    out(
        tr(
            "{exercise} run {count}, seed {seed}: {verdict} ({seconds:.1f} s)",
            exercise=report.exercise,
            count=len(done),
            seed=report.seed,
            verdict=verdict,
            seconds=report.seconds,
        )
    )
    if last:
        reports.show_stability(done, language)


def _overview(reports: Sequence[Report]) -> None:
    out()
    for exercise in dict.fromkeys(report.exercise for report in reports):
        done = [report for report in reports if report.exercise == exercise]
        often = f" {sum(report.good for report in done)}/{len(done)}" if len(done) > 1 else ""
        out(f"{exercise}  {_verdict(done)}{often}")


def _verdict(done: Sequence[Report]) -> str:
    """What some gradings came to, in colour."""
    if all(report.good for report in done):
        return paint(tr("passed"), "good")
    return paint(tr("broken by the lab") if done[-1].broken else tr("not passed"), "bad")


def _export(reports: Sequence[Report], language: str, *, as_json: bool, junit: Path | None, html: Path | None) -> None:
    if as_json:
        import msgspec

        from lab.grading.report.record import report_json

        written = [msgspec.Raw(report_json(report)) for report in reports]
        out(msgspec.json.encode({"schema_version": 1, "reports": written}).decode())
    if junit:
        from lab.grading.report.junit import junit as as_junit

        junit.write_bytes(as_junit(reports, language=language))
        say(tr("written: {file}", file=junit))
    if html:
        from lab.grading.report.html import page

        html.write_text(page(reports, language=language), encoding="utf-8")
        say(tr("written: {file}", file=html))
