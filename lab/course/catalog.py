"""Finds the exercises: each is a folder `dayN/<slug>/` of the lab's own or of a pack, and nothing is registered."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from lab.course.exercise import Exercise
from lab.course.manifest import InvalidExercise, load
from lab.course.titles import folders
from lab.locale import tr
from lab.system.refusal import Refusal, Unknown

_NUMBER = re.compile(r"(?:day)?(\d+)(?:\.(\d+))?")


class BrokenExercise(Refusal):
    """The lab's own files for the exercise are invalid."""

    def __init__(self, word: str, problems: Sequence[InvalidExercise]) -> None:
        super().__init__(
            tr('the exercise "{word}" is broken; this is not your mistake', word=word), "\n".join(map(str, problems))
        )


def exercises(root: Path | None = None) -> list[Exercise]:
    """All exercises in the order of the course, without those that are broken."""
    return read(root)[0]


def read(root: Path | None = None) -> tuple[list[Exercise], list[InvalidExercise]]:
    """All exercises in the order of the course, and what is wrong with those that cannot be read."""
    found: dict[str, Exercise] = {}
    broken = []
    for folder in folders(root):
        try:
            one = load(folder)
            if one.id in found:
                raise InvalidExercise(folder, [f'exercise.toml: id: "{one.id}" is that of {found[one.id].folder}'])
            found[one.id] = one
        except InvalidExercise as problem:
            broken.append(problem)
    return sorted(found.values(), key=lambda exercise: exercise.order), broken


def named(word: str) -> Exercise:
    """The exercise meant by `day5.3`, `5.3` or its slug. Raises Unknown, BrokenExercise."""
    (found,) = _of_all(word, lambda known: [find(word, known)])
    return found


def carried(exercise: Exercise) -> list[Exercise]:
    """The exercise, after those whose services go on in it."""
    earlier = [named(service.carries) for service in exercise.services if service.carries]
    return [*{one.id: one for each in earlier for one in carried(each)}.values(), exercise]


def several(word: str, *, but: Sequence[InvalidExercise] = ()) -> list[Exercise]:
    """Those meant by `day5`, `5`, `all` or by the name of one; none if that is one of `but`. Raises Unknown,
    BrokenExercise."""
    return _of_all(word, lambda known: select(word, known), but)


def _of_all(
    word: str, choose: Callable[[list[Exercise]], list[Exercise]], but: Sequence[InvalidExercise] = ()
) -> list[Exercise]:
    known, broken = read()
    try:
        return choose(known)
    except Unknown:
        if any(problem.means(word) for problem in but):
            return []
        if meant := [problem for problem in broken if problem.means(word)]:
            raise BrokenExercise(word, meant) from None
        raise


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
