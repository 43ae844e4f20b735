"""`lab watch`: grade the learner's services each time a file of theirs is saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import complete, values
from lab.cli.failure import Failure
from lab.cli.output import out, paint, say

if TYPE_CHECKING:
    from lab.course.exercise import Exercise
    from lab.grading.model import Report

EXAMPLES = ("lab watch", "lab watch day5.3 --seed 81")
DEBOUNCE = 400
"""Milliseconds of quiet after a save, so that an editor that writes several files is graded once."""
WAKE = 200
"""Milliseconds after which the wait looks up, so that Ctrl-C is heard."""


def watch(
    exercise: Annotated[
        str | None,
        typer.Argument(
            metavar="[EXERCISE]",
            help="Like day5.3; else the exercise of this folder, else the next unfinished one.",
            autocompletion=complete.exercises,
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Use this seed each time. By default a new one each time.")
    ] = None,
    engine: Annotated[
        list[str] | None,
        typer.Option(metavar="[KIND=]TIER", help="embedded, native (from your PATH), or KIND=URL; repeatable."),
    ] = None,
) -> None:
    """Grade your services each time you save. Ctrl-C ends it.

    What failed last time comes first.
    """
    from lab.cli.exercise import workspace as place

    watched = place.chosen(place.workspace(), exercise)
    folders = _folders(watched)
    tiers = values.tiers(engine or [])
    failing: Sequence[str] = ()
    graded = ""
    for _ in _saves(folders):
        code = _code(watched)
        if code == graded:
            continue
        graded = code
        try:
            report = _grade(watched, seed, tiers, failing)
        except Failure as problem:
            say(str(problem))
        else:
            failing = [finding.behaviour for finding in report.findings if finding.verdict in ("fail", "unknown")]
        say(paint(f"waiting for you to save something of {watched.id}; Ctrl-C ends it", "dim"))


def _grade(watched: Exercise, seed: int | None, tiers: dict[str, str], failing: Sequence[str]) -> Report:
    from lab.cli.exercise import grading, reports
    from lab.cli.exercise import workspace as place
    from lab.cli.progress_line import ProgressLine

    here = place.workspace()  # read again: lab.toml may have been edited meanwhile
    with ProgressLine() as line:
        report = grading.attempt(
            here,
            watched,
            seed=grading.any_seed() if seed is None else seed,
            line=line,
            tiers=tiers,
            first=failing,
        )
    out()
    reports.show(report, here.toml.texts, failures_last=True)
    return report


def _folders(watched: Exercise) -> list[Path]:
    from lab.cli.exercise import workspace as place

    here = place.workspace()
    return [source.dir for source in place.programs(here, watched).values()]


def _code(watched: Exercise) -> str:
    from lab.cli.exercise import workspace as place
    from lab.course.records import fingerprint

    try:
        return fingerprint(place.workspace().sources(watched))
    except OSError:
        return ""  # a file went away while it was read: another save follows


def _saves(folders: Sequence[Path]) -> Iterator[None]:
    """Yields at once, then after every save; what is saved while the caller is busy is not missed."""
    from watchfiles import watch as changes

    first = True
    for changed in changes(
        *folders, watch_filter=_filter(), debounce=DEBOUNCE, rust_timeout=WAKE, yield_on_timeout=True
    ):
        if first or changed:
            first = False
            yield


def _filter() -> Callable[[object, str], bool]:
    from lab.course.records import NOT_WRITTEN

    return lambda _, path: not NOT_WRITTEN.intersection(Path(path).parts)
