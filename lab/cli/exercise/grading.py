"""A grading as commands start it: with a progress line, and with words instead of exceptions."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cli import exits
from lab.cli.failure import Failure

if TYPE_CHECKING:
    from lab.cli.progress_line import ProgressLine
    from lab.course.exercise import Exercise
    from lab.course.workspace import Workspace
    from lab.grading.model import Assignment, Report
    from lab.grading.stage import Stage

SEEDS = 10_000
"""A seed that nobody chose is below this, so that it is easily typed again."""


def any_seed() -> int:
    """A seed that nobody can have prepared for."""
    return secrets.randbelow(SEEDS - 1) + 1


def attempt(
    here: Workspace,
    exercise: Exercise,
    *,
    seed: int,
    line: ProgressLine,
    tiers: Mapping[str, str] | None = None,
    first: Sequence[str] = (),
    only: Sequence[str] = (),
    stop_at_first: bool = False,
) -> Report:
    """Grade the learner's services, and keep the report with what is known of their progress. Raises Failure."""
    from lab.cli.exercise import workspace as place
    from lab.course import records
    from lab.course.assignment import assignment

    programs = place.programs(here, exercise)
    with place.readable():
        code = records.fingerprint(programs)
        folder = records.new(here.own, exercise.id)
    report = grade(
        assignment(exercise, programs),
        seed=seed,
        records=folder,
        line=line,
        tiers=tiers,
        first=first,
        only=only,
        stop_at_first=stop_at_first,
    )
    kept = records.Attempt(code=code, whole=not only)
    with place.readable():
        records.keep(folder, report, kept)
    with place.progress(here) as so_far:
        so_far.note(folder.name, report, kept)
    return report


def grade(
    assignment: Assignment,
    *,
    seed: int,
    records: Path,
    line: ProgressLine,
    tiers: Mapping[str, str] | None = None,
    first: Sequence[str] = (),
    only: Sequence[str] = (),
    stop_at_first: bool = False,
) -> Report:
    """Grade it while `line` tells how it goes. Raises Failure where the lab cannot even begin."""
    from lab.engines.launch import EngineUnavailable
    from lab.grading.grade import grade as start
    from lab.runtime.launch import LaunchError
    from lab.system.validate import InvalidSystem

    line.show(f"{assignment.id}: starting")
    try:
        return start(
            assignment,
            seed=seed,
            records=records,
            tiers=tiers,
            on_event=teller(assignment, line),
            first=first,
            only=only,
            stop_at_first=stop_at_first,
        )
    except EngineUnavailable as problem:
        why = str(problem)
        raise Failure("an engine is missing", why=why, next="lab doctor", code=exits.MISSING) from None
    except (InvalidSystem, LaunchError) as problem:
        why = str(problem)
        raise Failure("the grading could not begin", why=why, next="lab doctor", code=exits.MISSING) from None
    except OSError as problem:
        why = f"{problem.filename or ''}: {problem.strerror or problem}".removeprefix(": ")
        raise Failure("the grading broke off", why=why, next="lab doctor", code=exits.MISSING) from None


def teller(assignment: Assignment, line: ProgressLine) -> Callable[[Stage], None]:
    """Tells the progress of a grading on one line."""
    total = len(assignment.behaviours)
    done: set[str] = set()

    def tell(stage: Stage) -> None:
        if stage.kind == "verdict":
            done.add(stage.behaviour)
        where = f"{assignment.id} {len(done)}/{total}"
        match stage.kind:
            case "build":
                line.show(f"{where}: building {stage.text}", seconds=stage.seconds)
            case "start":
                line.show(f"{where}: starting the lab's side", seconds=stage.seconds)
            case "check":
                line.show(f"{where}: {stage.behaviour}")
            case "waiting":
                behind = f"{stage.behaviour}: " if stage.behaviour else ""
                line.show(f"{where}: {behind}waiting for {stage.text}", seconds=stage.seconds)
            case "end":
                line.show(f"{where}: stopping the lab's side")
                import lab.course.progress  # noqa: F401 - what keeps the result takes a while to load, as the end does

    return tell
