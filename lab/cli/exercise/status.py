"""`lab status`: the week, and how far the learner is."""

from __future__ import annotations

import shutil
import sys
from itertools import groupby
from typing import TYPE_CHECKING

from lab.cli.options import Json
from lab.cli.output import out, paint

if TYPE_CHECKING:
    from lab.course.week import Row, Week
    from lab.course.workspace import Workspace

EXAMPLES = ("lab status", "lab status --json")
NARROW = 60
"""Columns below which a title has a line of its own."""
STATES = {"passed": "passed", "failing": "failing", "begun": "begun", "new": "-"}
ROLES = {"passed": "good", "failing": "warn", "begun": "plain", "new": "dim"}


def status(as_json: Json = False) -> None:
    """Show the week, your points and attempts, and what comes next."""
    from lab.cli.exercise import learner
    from lab.course import catalog
    from lab.course.week import week

    here, known = learner.workspace(), catalog.exercises()
    with learner.progress(here) as so_far:
        all_of_it = week(here, known, so_far)
    if as_json:
        _json(here, all_of_it)
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 100
    for day, group in groupby(all_of_it.rows, key=lambda row: row.exercise.day):
        of_day = list(group)
        passed = sum(row.stands.passed for row in of_day)
        out(paint(f"Day {day.removeprefix('day')}", "title") + paint(f"  {passed} of {len(of_day)} passed", "dim"))
        for row in of_day:
            _line(row, here.toml.texts, width)
    out(f"\n{all_of_it.points} of {all_of_it.best} points")
    if following := all_of_it.next:
        verb = "check" if following.begun else "start"
        out(f"next: lab {verb} {following.exercise.number}")


def _line(row: Row, language: str, width: int) -> None:
    exercise, stands = row.exercise, row.stands
    points = f"{row.points}/{exercise.best}"
    tries = f"{stands.attempts} {'try' if stands.attempts == 1 else 'tries'}" if stands.attempts else ""
    state = paint(STATES[row.state].ljust(9), ROLES[row.state])
    head = f"  {paint(exercise.number.ljust(5), 'name')}{state}{points:>6}  {tries:<9}"
    title = exercise.title[language]
    if width < NARROW:
        out(f"{head.rstrip()}\n       {title}")
    else:
        open_ = f"  fails {', '.join(stands.failing)}" if stands.failing and not stands.passed else ""
        out(f"{head}{title}{paint(open_, 'dim')}")


def _json(here: Workspace, of_week: Week) -> None:
    import msgspec

    rows = [
        {
            "id": row.exercise.id,
            "title": row.exercise.title,
            "begun": row.begun,
            "passed": row.stands.passed,
            "points": row.points,
            "best": row.exercise.best,
            "gold": row.stands.gold,
            "attempts": row.stands.attempts,
            "failing": row.stands.failing,
            "hints": row.stands.hints,
        }
        for row in of_week.rows
    ]
    out(msgspec.json.encode({"schema_version": 1, "workspace": str(here.folder), "exercises": rows}).decode())
