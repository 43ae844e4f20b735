"""An attempt: the learner's services are graded, and the report is kept with what is known of their progress."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.course import records
from lab.course.assignment import assignment
from lab.course.best import with_best
from lab.course.branches import standing
from lab.course.exercise import Exercise
from lab.course.grading import Task
from lab.course.side_by_side import SideBySide
from lab.course.workspace import Workspace
from lab.grading.model import Chosen, Report
from lab.grading.stage import Stage, Watcher

REMEMBERED = 5
"""Latest gradings that tell how long each behaviour takes."""
SEEDS = 10_000
"""Random seeds are below this, so that they are easy to type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How the attempt is graded; Task describes each field."""

    seed: int
    tiers: Mapping[str, str] = field(default_factory=dict)
    first: Sequence[str] = ()
    only: Sequence[str] = ()
    stop_at_first: bool = False
    chosen: Chosen = field(default_factory=Chosen)
    shrink: bool = False
    """Whether to search for the fewest faults, where a behaviour fails under a schedule of them."""


def side_by_side(here: Workspace, exercise: Exercise) -> SideBySide:
    """The processes that grade the exercise, as many as the learner's last gradings of it were worth. They start at
    once."""
    seconds: dict[str, float] = {}
    latest = [report for _, report, _ in records.read(here.own) if report.exercise == exercise.id][-REMEMBERED:]
    for report in latest:
        for finding in report.findings:
            seconds[finding.behaviour] = max(seconds.get(finding.behaviour, 0.0), finding.seconds)
    return SideBySide(exercise.behaviours, seconds)


def any_seed() -> int:
    """A random seed, so that nobody can prepare for it."""
    return secrets.randbelow(SEEDS - 1) + 1


def attempt(
    here: Workspace,
    exercise: Exercise,
    how: How,
    grading: SideBySide,
    tell: Watcher,
    rebuilt: Callable[[Path], None] = lambda _: None,
) -> Report:
    """Grade the learner's services with `grading`, which has not been used yet, and keep what comes of it.

    `rebuilt` is told where a progress file that could not be read was put.

    Raises NotStarted, Incomplete, NoBranch, NotInstalled, NotGraded, NewerProgress, OSError.
    """

    def told(stage: Stage) -> None:
        tell(stage)
        if stage.kind == "end":
            import lab.course.progress  # noqa: F401 - it takes a while to load, as the run's end does

    with standing(here, exercise) as (there, branch):
        programs = there.programs(exercise)
        code = records.fingerprint(programs)
        folder = records.new(here.own, exercise.id)
        records.keep_code(here.own, code, programs)
        task = Task(
            assignment=assignment(exercise, programs, branch),
            seed=how.seed,
            records=str(folder),
            tiers=dict(how.tiers),
            first=tuple(how.first),
            only=tuple(how.only),
            stop_at_first=how.stop_at_first,
            chosen=how.chosen,
        )
        report = with_best(grading.grade(task, told).report, here.own)
        if how.shrink:
            from lab.course.fewest import with_fewest

            report = with_fewest(task, report, tell)
    kept = records.Attempt(code=code, whole=not how.only and how.chosen == Chosen())
    records.keep(folder, report, kept)

    from lab.course.progress import opened

    with opened(here.own, rebuilt) as so_far:
        so_far.note(folder.name, report, kept)
    return report


def with_needs(exercise: Exercise, idents: Sequence[str]) -> list[str]:
    """The behaviours named, with those that they need, in the exercise's order. Raises Unknown."""
    wanted: set[str] = set()

    def add(ident: str) -> None:
        wanted.add(ident)
        for need in exercise.behaviour(ident).needs:
            add(need)

    for ident in idents:
        add(ident.upper())
    return [behaviour.id for behaviour in exercise.behaviours if behaviour.id in wanted]
