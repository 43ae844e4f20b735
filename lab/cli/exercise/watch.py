"""`lab watch`: grade the learner's services each time a file of theirs is saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import values
from lab.cli.options import Engines, NextExercise
from lab.cli.output import out, paint, say
from lab.locale import language, tr

if TYPE_CHECKING:
    from lab.course.attempt import How
    from lab.course.exercise import Exercise
    from lab.grading.model import Report

EXAMPLES = ("lab watch", "lab watch day5.3 --seed 81")


def watch(
    exercise: NextExercise = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=values.LARGEST_SEED, help="Use this seed each time. By default a new one each time."),
    ] = None,
    engine: Engines = None,
) -> None:
    """Grade your services each time you save. Ctrl-C ends it.

    What failed last time comes first.
    """
    from lab.cli.exercise import learner
    from lab.cli.refusals import failure
    from lab.course import attempt, branches
    from lab.course.records import fingerprint
    from lab.course.saves import saves
    from lab.system.refusal import Refusal

    here = learner.workspace()
    watched = learner.chosen(here, exercise)
    if watched.branch:
        raise branches.NoBranch(
            tr("{id} is graded from what is committed, not from what is saved", id=watched.id),
            tr("lab try {number} runs your services as they are.", number=watched.number),
            f'git add -A && git commit -m "…" && lab check {watched.number}',
        )
    folders = [source.dir for source in here.programs(watched).values()]
    tiers = values.tiers(engine or [])
    failing: Sequence[str] = ()
    graded = ""
    for _ in saves(folders, polls=_polls):
        try:
            code = fingerprint(learner.workspace().sources(watched))
            if code == graded:
                continue
            graded = code
            how = attempt.How(seed=attempt.any_seed() if seed is None else seed, tiers=tiers, first=failing)
            report = _grade(watched, how)
        except (Refusal, OSError) as problem:  # the next save may mend it
            if told := failure(problem):
                say(str(told))
        else:
            failing = [finding.behaviour for finding in report.findings if finding.verdict in ("fail", "unknown")]
        say(paint(tr("waiting for you to save a file of {id}; Ctrl-C ends it", id=watched.id), "dim"))


def _grade(watched: Exercise, how: How) -> Report:
    from lab.cli.exercise import learner, reports
    from lab.cli.exercise.grading_line import GradingLine
    from lab.course.attempt import attempt, side_by_side

    here = learner.workspace()  # reload: lab.toml may have changed meanwhile
    with GradingLine() as line, side_by_side(here, watched) as grading:
        report = attempt(here, watched, how, grading, line.of(watched), learner.rebuilt)
    out()
    reports.show(report, language(), failures_last=True)
    return report


def _polls() -> None:
    say(tr("The system has no file watches left, so your files are looked at every 0.3 s instead."))
