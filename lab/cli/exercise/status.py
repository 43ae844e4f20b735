"""`lab status`: the week, and how far the learner is."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from lab.cli.options import Json
from lab.cli.output import out, paint

if TYPE_CHECKING:
    from lab.course.exercise import Exercise
    from lab.course.progress import Standing
    from lab.course.workspace import Workspace

EXAMPLES = ("lab status", "lab status --json")
NARROW = 60
"""Columns below which a title has a line of its own."""


def status(as_json: Json = False) -> None:
    """Show the week, your points and attempts, and what comes next."""
    from lab.cli.exercise import exercise_names as named
    from lab.cli.exercise import workspace as place

    here, exercises = place.workspace(), named.every()
    with place.progress(here) as so_far:
        stands = {exercise.id: so_far.standing(exercise.id) for exercise in exercises}
    if as_json:
        _json(here, exercises, stands)
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 100
    for day, group in groupby(exercises, key=lambda exercise: exercise.day):
        of_day = list(group)
        passed = sum(stands[exercise.id].passed for exercise in of_day)
        out(paint(f"Day {day.removeprefix('day')}", "title") + paint(f"  {passed} of {len(of_day)} passed", "dim"))
        for exercise in of_day:
            _line(exercise, stands[exercise.id], begun=exercise.id in here.toml.services, here=here, width=width)
    total = sum(exercise.best for exercise in exercises)
    out(f"\n{sum(_points(one, stands[one.id]) for one in exercises)} of {total} points")
    _next(here, exercises, stands)


def _line(exercise: Exercise, stands: Standing, *, begun: bool, here: Workspace, width: int) -> None:
    state, role = _state(stands, begun=begun)
    points = f"{_points(exercise, stands)}/{exercise.best}"
    tries = f"{stands.attempts} {'try' if stands.attempts == 1 else 'tries'}" if stands.attempts else ""
    head = f"  {paint(exercise.number.ljust(5), 'name')}{paint(state.ljust(9), role)}{points:>6}  {tries:<9}"
    title = exercise.title[here.toml.texts]
    if width < NARROW:
        out(f"{head.rstrip()}\n       {title}")
    else:
        open_ = f"  fails {', '.join(stands.failing)}" if stands.failing and not stands.passed else ""
        out(f"{head}{title}{paint(open_, 'dim')}")


def _points(exercise: Exercise, stands: Standing) -> int:
    return exercise.earned(stands.gold) if stands.passed else 0


def _state(stands: Standing, *, begun: bool) -> tuple[str, str]:
    if stands.passed:
        return "passed", "good"
    if stands.attempts:
        return "failing", "warn"
    return ("begun", "plain") if begun else ("-", "dim")


def _next(here: Workspace, exercises: Sequence[Exercise], stands: Mapping[str, Standing]) -> None:
    waiting = [exercise for exercise in exercises if not stands[exercise.id].passed]
    begun = [exercise for exercise in waiting if exercise.id in here.toml.services]
    for exercise in begun[:1] or waiting[:1]:
        verb = "check" if exercise in begun else "start"
        out(f"next: lab {verb} {exercise.number}")


def _json(here: Workspace, exercises: Sequence[Exercise], stands: Mapping[str, Standing]) -> None:
    import msgspec

    rows = [
        {
            "id": exercise.id,
            "title": exercise.title,
            "begun": exercise.id in here.toml.services,
            "passed": stands[exercise.id].passed,
            "points": _points(exercise, stands[exercise.id]),
            "best": exercise.best,
            "gold": stands[exercise.id].gold,
            "attempts": stands[exercise.id].attempts,
            "failing": stands[exercise.id].failing,
            "hints": stands[exercise.id].hints,
        }
        for exercise in exercises
    ]
    out(msgspec.json.encode({"schema_version": 1, "workspace": str(here.folder), "exercises": rows}).decode())
