"""Which exercises there are: each is a folder `lab/exercises/dayN/<slug>/`, and nothing is registered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lab.course.exercise import Exercise
from lab.course.manifest import InvalidExercise, load
from lab.course.titles import folders
from lab.system.refusal import Unknown

_NUMBER = re.compile(r"(?:day)?(\d+)(?:\.(\d+))?")


def exercises(root: Path | None = None) -> list[Exercise]:
    """All exercises in the order of the course, without those that are broken."""
    return read(root)[0]


def read(root: Path | None = None) -> tuple[list[Exercise], list[InvalidExercise]]:
    """All exercises in the order of the course, and what is wrong with those that cannot be read."""
    found, broken = [], []
    for folder in folders(root):
        try:
            found.append(load(folder))
        except InvalidExercise as problem:
            broken.append(problem)
    return sorted(found, key=lambda exercise: exercise.order), broken


def find(word: str, known: Sequence[Exercise]) -> Exercise:
    """The exercise meant by `day5.3`, `5.3` or its slug. Raises Unknown."""
    found = [exercise for exercise in known if word in (exercise.id, exercise.number, exercise.slug)]
    if not found:
        raise Unknown("exercise", word, [exercise.id for exercise in known])
    return found[0]


def select(word: str, known: Sequence[Exercise]) -> list[Exercise]:
    """Those meant by `day5`, `5`, `all` or by the name of one. Raises Unknown; it is never empty."""
    if word == "all" and known:
        return list(known)
    match = _NUMBER.fullmatch(word)
    if match and not match[2]:
        day = [exercise for exercise in known if exercise.day == f"day{match[1]}"]
        if day:
            return day
    return [find(word, known)]
