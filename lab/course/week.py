"""The week of a learner: how they stand with each exercise, their points, and what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lab.course.exercise import Exercise
from lab.course.progress import Progress, Standing
from lab.course.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Row:
    """One exercise, and how the learner stands with it."""

    exercise: Exercise
    stands: Standing
    begun: bool

    @property
    def points(self) -> int:
        return self.exercise.earned(self.stands.gold) if self.stands.passed else 0

    @property
    def state(self) -> Literal["passed", "failing", "begun", "new"]:
        if self.stands.passed:
            return "passed"
        if self.stands.attempts:
            return "failing"
        return "begun" if self.begun else "new"


@dataclass(frozen=True, slots=True)
class Week:
    """All exercises in the order of the course."""

    rows: tuple[Row, ...]

    @property
    def points(self) -> int:
        return sum(row.points for row in self.rows)

    @property
    def best(self) -> int:
        """The most points that can be earned."""
        return sum(row.exercise.best for row in self.rows)

    @property
    def next(self) -> Row | None:
        """The first that is begun and not passed; else the first that is not passed."""
        waiting = [row for row in self.rows if not row.stands.passed]
        begun = [row for row in waiting if row.begun]
        return next(iter(begun or waiting), None)


def week(here: Workspace, known: Sequence[Exercise], progress: Progress) -> Week:
    """How the learner stands with the exercises that are known."""
    rows = (Row(one, progress.standing(one.id), bool(here.sources(one))) for one in known)
    return Week(tuple(rows))
