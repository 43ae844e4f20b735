"""Our solution beside the learner's: when the learner may see it, and how the two differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lab.course.assignment import Source, sources
from lab.course.exercise import Exercise
from lab.course.progress import Progress, Standing
from lab.course.records import fingerprint
from lab.course.textdiff import read, unified
from lab.course.variants import Variant, prepared, stored, variants
from lab.locale import tr
from lab.system.refusal import Refusal

FAILURES = 5
"""Honest failures after which the solution is shown without a pass."""


def standing(progress: Progress, exercise: Exercise) -> Standing:
    """How the learner stands; a failure of an untouched starter is not one of theirs."""
    starters = [variant for variant in variants(exercise) if variant.kind == "starter"]
    untouched = {fingerprint(sources(exercise, exercise.folder / starter.name)) for starter in starters}
    return progress.standing(exercise.id, untouched=untouched)


def is_open(stands: Standing) -> bool:
    return stands.passed or stands.failures >= FAILURES


class SolutionNotOpen(Refusal):
    """The learner has neither passed nor failed often enough."""

    def __init__(self, exercise: Exercise, stands: Standing) -> None:
        super().__init__(
            tr("the solution of {id} is not open yet", id=exercise.id),
            tr(
                "It opens when you pass, or after {failures} failed versions of your own. You have "
                "{so_far} so far; the untouched starter does not count.",
                failures=FAILURES,
                so_far=stands.failures,
            ),
        )
        self.exercise = exercise


def must_be_open(exercise: Exercise, stands: Standing) -> None:
    """Raises SolutionNotOpen."""
    if not is_open(stands):
        raise SolutionNotOpen(exercise, stands)


def comparable(exercise: Exercise, language: str) -> bool:
    """Whether there is a solution of ours in that language."""
    return stored(exercise, Variant("solution", language))


def difference(exercise: Exercise, mine: Mapping[str, Source], language: str) -> Iterator[str]:
    """A unified diff from the learner's files to ours, line by line; nothing where they are the same.

    Ours is in the learner's language where there is one, else in Python; then it is shown whole, for there is nothing
    of theirs that it could be compared with.
    """
    alike = comparable(exercise, language)
    with prepared(exercise, Variant("solution", language) if alike else Variant("solution")) as ours:
        for name, source in ours.items():
            theirs = read(mine[name].dir) if name in mine and alike else {}
            yield from unified(theirs, read(source.dir), f"mine/{name}", f"ours/{name}")
