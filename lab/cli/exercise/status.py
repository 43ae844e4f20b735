"""`lab status`: the week, and how far the learner is."""

from __future__ import annotations

import shutil
import sys
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING

from lab.cli.options import Json
from lab.cli.output import out, paint
from lab.locale import language, mark, tr, trn

if TYPE_CHECKING:
    from lab.course.theory import Taught, Theory
    from lab.course.week import Row, Week
    from lab.course.workspace import Workspace

EXAMPLES = ("lab status", "lab status --json")
NARROW = 60
"""Columns below which a title has a line of its own."""
STATES = {"passed": mark("passed"), "failing": mark("failing"), "begun": mark("begun"), "new": "-"}
ROLES = {"passed": "good", "failing": "warn", "begun": "plain", "new": "dim"}


def status(as_json: Json = False) -> None:
    """Show the week, your points, attempts and quizzes, and what comes next."""
    from lab.cli.exercise import learner
    from lab.course import catalog
    from lab.course.theory import theory
    from lab.course.week import week

    here, known = learner.workspace(), catalog.exercises()
    with learner.progress(here) as so_far:
        all_of_it = week(here, known, so_far)
    with learner.answers() as answers:
        taught = theory(answers, date.today())
    if as_json:
        _json(here, all_of_it, taught)
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 100
    states = max(len(tr(STATES[row.state])) for row in all_of_it.rows) + 1
    tries = max(len(_tries(row)) for row in all_of_it.rows) + 2
    for day, group in groupby(all_of_it.rows, key=lambda row: row.exercise.day):
        of_day = list(group)
        passed = sum(row.stands.passed for row in of_day)
        out(
            paint(tr("Day {number}", number=day.removeprefix("day")), "title")
            + paint(tr("  {passed} of {count} passed", passed=passed, count=len(of_day)), "dim")
            + paint("".join(map(_theory, taught.of(day))), "dim")
        )
        for row in of_day:
            _line(row, language(), width, states, tries)
    if taught.due:
        out("\n" + trn("{count} question is due: lab review", "{count} questions are due: lab review", taught.due))
    out(tr("\n{points} of {best} points", points=all_of_it.points, best=all_of_it.best))
    if following := all_of_it.next:
        verb = "check" if following.begun else "start"
        out(tr("next: lab {verb} {number}", verb=verb, number=following.exercise.number))


def _theory(one: Theory) -> str:
    if one.part == "quiz":
        return tr(", quiz {right} of {count}", right=one.right, count=one.count)
    return tr(", kata {right} of {count}", right=one.right, count=one.count)


def _tries(row: Row) -> str:
    return trn("{count} try", "{count} tries", row.stands.attempts) if row.stands.attempts else ""


def _line(row: Row, language: str, width: int, of_states: int, of_tries: int) -> None:
    exercise, stands = row.exercise, row.stands
    points = f"{row.points}/{exercise.best}"
    state = paint(tr(STATES[row.state]).ljust(of_states), ROLES[row.state])
    head = f"  {paint(exercise.number.ljust(5), 'name')}{state}{points:>6}  {_tries(row):<{of_tries}}"
    title = exercise.title[language]
    if width < NARROW:
        out(f"{head.rstrip()}\n       {title}")
    else:
        open_ = (
            tr("  fails {failing}", failing=", ".join(stands.failing)) if stands.failing and not stands.passed else ""
        )
        out(f"{head}{title}{paint(open_, 'dim')}")


def _json(here: Workspace, of_week: Week, taught: Taught) -> None:
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
    data = {"schema_version": 1, "workspace": str(here.folder), "exercises": rows, "theory": taught.rows}
    out(msgspec.json.encode(data).decode())
