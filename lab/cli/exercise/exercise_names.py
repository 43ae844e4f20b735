"""Exercises as people name them on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lab.cli import exits
from lab.cli.failure import Failure, unknown

if TYPE_CHECKING:
    from lab.course.exercise import Exercise
    from lab.course.manifest import InvalidExercise
    from lab.system.refusal import Unknown


def every() -> list[Exercise]:
    """All exercises in the order of the course."""
    from lab.course import catalog

    return catalog.exercises()


def one(word: str) -> Exercise:
    """`day5.3`, `5.3` or its slug. Raises Failure."""
    from lab.course import catalog
    from lab.system.refusal import Unknown

    known = every()
    try:
        return catalog.find(word, known)
    except Unknown as problem:
        raise _unknown(problem) from None


def several(word: str, but: Sequence[InvalidExercise] = ()) -> list[Exercise]:
    """The same, or a whole day (`day5`), or `all`; nothing if it is one of `but`. Raises Failure."""
    from lab.course import catalog
    from lab.system.refusal import Unknown

    try:
        return catalog.select(word, every())
    except Unknown as problem:
        if any(broken.means(word) for broken in but):
            return []
        raise _unknown(problem) from None


def _unknown(problem: Unknown) -> Failure:
    from lab.course.catalog import read

    if broken := [one for one in read()[1] if one.means(problem.word)]:
        why = "\n".join(map(str, broken))
        return Failure(f'the exercise "{problem.word}" is broken, by no fault of yours', why=why, code=exits.MISSING)
    return unknown("exercise", problem.word, problem.known, next="lab status shows them all")
