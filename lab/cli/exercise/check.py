"""`lab check`: grade the learner's services."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import complete, exits, values
from lab.cli.failure import Failure, unknown
from lab.cli.options import Json
from lab.cli.output import out, say

if TYPE_CHECKING:
    from lab.course.exercise import Exercise
    from lab.course.workspace import Workspace
    from lab.grading.model import Report

EXAMPLES = (
    "lab check",
    "lab check day5.3 --seed 81 --behaviour C4",
    "lab check 5.3 --runs 5",
    "lab check day3 -x",
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
        int | None, typer.Option(min=0, help="Same seed, same data and faults. By default a new one each time.")
    ] = None,
    runs: Annotated[
        int, typer.Option(min=1, metavar="K", help="Grade it K times and report how stable the result is.")
    ] = 1,
    engine: Annotated[
        list[str] | None,
        typer.Option(metavar="[KIND=]TIER", help="embedded, native (from your PATH), or KIND=URL; repeatable."),
    ] = None,
    behaviour: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID", help="Only that behaviour, and what it needs; repeatable.", autocompletion=complete.behaviours
        ),
    ] = None,
    stop_at_first: Annotated[
        bool, typer.Option("-x", "--stop-at-first", help="Stop at the first behaviour that does not hold.")
    ] = False,
    as_json: Json = False,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the reports as JUnit XML.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the reports as a page of their own.")] = None,
) -> None:
    """Grade your services: what holds, what does not, and why.

    Exit code 0 if all that must hold was proved, 1 if not, 3 if the lab itself is at fault.
    """
    from lab.cli.exercise import grading
    from lab.cli.exercise import workspace as place
    from lab.cli.progress_line import ProgressLine

    here = place.workspace()
    exercises = _begun(here, what)
    for file in (junit, html):
        _writable(file)
    only = {exercise.id: with_needs(exercise, behaviour or []) for exercise in exercises}
    tiers = values.tiers(engine or [])
    reports: list[Report] = []
    with ProgressLine() as line:
        for exercise in exercises:
            first = seed if seed is not None else grading.any_seed()
            done: list[Report] = []
            for number in range(runs):
                report = grading.attempt(
                    here,
                    exercise,
                    seed=first + number,
                    line=line,
                    tiers=tiers,
                    only=only[exercise.id],
                    stop_at_first=stop_at_first,
                )
                done.append(report)
                line.clear()
                if not as_json:
                    _show(report, done, here.toml.texts, last=number == runs - 1)
            reports += done
    _export(reports, here.toml.texts, as_json=as_json, junit=junit, html=html)
    if not as_json and len(exercises) > 1:
        _overview(reports)
    raise typer.Exit(exit_code(reports))


def exit_code(reports: Sequence[Report]) -> int:
    """What the reports come to, for scripts."""
    if any(report.broken for report in reports):
        return exits.MISSING
    return exits.OK if all(report.good for report in reports) else exits.FAILED


def with_needs(exercise: Exercise, idents: Sequence[str]) -> list[str]:
    """The behaviours named, with those that they need, in the exercise's order. Raises Failure."""
    from lab.system.refusal import Unknown

    wanted: set[str] = set()

    def add(ident: str) -> None:
        wanted.add(ident)
        for need in exercise.behaviour(ident).needs:
            add(need)

    for ident in idents:
        try:
            add(ident.upper())
        except Unknown as problem:
            raise unknown(problem.kind, ident, problem.known) from None
    return [behaviour.id for behaviour in exercise.behaviours if behaviour.id in wanted]


def _begun(here: Workspace, what: str | None) -> list[Exercise]:
    """The exercises that are meant; of several only those that the learner has begun. Raises Failure."""
    from lab.cli.exercise import exercise_names as named
    from lab.cli.exercise import workspace as place

    meant = [place.chosen(here, None)] if what is None else named.several(what)
    if len(meant) == 1:
        place.programs(here, meant[0])
        if what is None:
            say(f"{meant[0].id} {meant[0].title[here.toml.texts]}")
        return meant
    begun = [exercise for exercise in meant if here.toml.services.get(exercise.id)]
    if not begun:
        next_ = f"lab start {meant[0].number}"
        raise Failure(f"no exercise of {what} is started here", next=next_, code=exits.USAGE)
    if waiting := [exercise.number for exercise in meant if exercise not in begun]:
        say(f"not started: {', '.join(waiting)}")
    for exercise in begun:
        place.programs(here, exercise)
    return begun


def _show(report: Report, done: Sequence[Report], language: str, *, last: bool) -> None:
    """Of several runs the first failure is told in full, then only whether each passed, then how stable it is."""
    from lab.cli.exercise import reports

    if last and len(done) == 1:
        reports.show(report, language)
        return
    if not report.good and all(earlier.good for earlier in done[:-1]):
        reports.show(report, language)
    verdict = "passed" if report.good else "broken by the lab" if report.broken else "failed"
    out(f"{report.exercise} run {len(done)}, seed {report.seed}: {verdict} ({report.seconds:.1f} s)")
    if last:
        reports.show_stability(done, language)


def _overview(reports: Sequence[Report]) -> None:
    out()
    for exercise in dict.fromkeys(report.exercise for report in reports):
        done = [report for report in reports if report.exercise == exercise]
        passed = sum(report.good for report in done)
        verdict = "passed" if passed == len(done) else "broken by the lab" if done[-1].broken else "failed"
        often = f" {passed}/{len(done)}" if len(done) > 1 else ""
        out(f"{exercise}  {verdict}{often}")


def _writable(file: Path | None) -> None:
    """Better said now than after the grading."""
    if file is not None and (file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK)):
        raise Failure(
            f"{file} cannot be written", why="Its folder must be there and be yours to write to.", code=exits.USAGE
        )


def _export(reports: Sequence[Report], language: str, *, as_json: bool, junit: Path | None, html: Path | None) -> None:
    from lab.cli.exercise import workspace as place

    if as_json:
        import msgspec

        from lab.grading.report.record import report_json

        written = [msgspec.Raw(report_json(report)) for report in reports]
        out(msgspec.json.encode({"schema_version": 1, "reports": written}).decode())
    with place.readable():
        if junit:
            from lab.grading.report.junit import junit as as_junit

            junit.write_bytes(as_junit(reports, language=language))
            say(f"written: {junit}")
        if html:
            from lab.grading.report.html import page

            html.write_text(page(reports, language=language), encoding="utf-8")
            say(f"written: {html}")
