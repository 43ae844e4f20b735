"""Chooses the exercise when the learner names none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lab.course import records
from lab.course.exercise import Exercise
from lab.course.workspace import Workspace
from lab.locale import tr
from lab.system.refusal import Refusal

if TYPE_CHECKING:
    from lab.course.week import Week


class AllPassed(Refusal):
    """Every exercise is passed, so none is the next."""

    def __init__(self) -> None:
        super().__init__(tr("you have passed every exercise; name the one you mean"))


def meant(
    here: Workspace, known: Sequence[Exercise], cwd: Path, week: Callable[[], Week], *, graded: bool = False
) -> Exercise:
    """The exercise in whose folder `cwd` is; else the next one of the week, which is only asked for then.

    With `graded` the one that was graded last comes before that. Raises AllPassed.
    """
    if found := here.here(cwd, known):
        return found
    if graded:
        last = records.last(here.own)
        if found := next((exercise for exercise in known if exercise.id == last), None):
            return found
    if (row := week().next) is None:
        raise AllPassed
    return row.exercise
