"""Opening the hints of an exercise: on what failed, one step after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.course import texts
from lab.course.exercise import Exercise
from lab.course.progress import Progress
from lab.course.texts import STEPS, Topic
from lab.locale import tr
from lab.system.refusal import Refusal


class HintNotOpen(Refusal):
    """The hint cannot be shown yet, or there is none of that number."""

    def __init__(self, exercise: Exercise, what: str, why: str = "") -> None:
        super().__init__(what, why)
        self.exercise = exercise


@dataclass(frozen=True, slots=True)
class Opened:
    """Hint `number` of `count` on some behaviours. `again`: all of these were open before."""

    behaviours: tuple[str, ...]
    text: str
    number: int
    count: int
    again: bool


def open_one(
    exercise: Exercise,
    language: str,
    progress: Progress,
    number: int | None = None,
    about: str | None = None,
    tongue: str = "",
) -> Opened:
    """The hint of that number, or the next one, which is open from then on.

    It speaks to those who write in `tongue`, and is on the topic of the behaviour `about`, or else of the first
    behaviour that failed in the last grading.
    Raises HintNotOpen, OSError.
    """
    topics = texts.hints(exercise.folder, language, tongue)
    place = _place(exercise, topics, progress, about)
    topic = topics[place]
    before = _opened(place, progress.hints(exercise.id))
    wanted = number or min(before + 1, STEPS)
    if wanted > STEPS:
        what = tr("there are {count} hints on {behaviours}", count=STEPS, behaviours=", ".join(topic.behaviours))
        raise HintNotOpen(exercise, what)
    if wanted > before + 1:
        why = tr("Each hint opens after the one before it; the next is hint {number}.", number=before + 1)
        raise HintNotOpen(exercise, tr("hint {wanted} is not open yet", wanted=wanted), why)
    progress.open_hint(exercise.id, place * STEPS + wanted)
    return Opened(
        behaviours=topic.behaviours,
        text=topic.steps[wanted - 1],
        number=wanted,
        count=STEPS,
        again=number is None and wanted == before,
    )


def _place(exercise: Exercise, topics: Sequence[Topic], progress: Progress, about: str | None) -> int:
    """Which topic is meant: after a pass the first on a gold behaviour, before any grading the first of all."""
    if about is not None:
        found = _first(topics, [about.upper()])
        if found is None:
            raise HintNotOpen(exercise, tr("{id} has no hints on {behaviour}", id=exercise.id, behaviour=about))
        return found
    stands = progress.standing(exercise.id)
    gold = [behaviour.id for behaviour in exercise.behaviours if behaviour.gold and stands.passed]
    return _first(topics, [*stands.failing, *gold]) or 0


def _first(topics: Sequence[Topic], behaviours: Iterable[str]) -> int | None:
    """The place of the topic on the first of the behaviours that has one."""
    return next((place for one in behaviours for place, topic in enumerate(topics) if one in topic.behaviours), None)


def _opened(place: int, numbers: Iterable[int]) -> int:
    """How many hints on the topic at that place are open; all topics' hints are numbered in one row, from 1."""
    return max((number - place * STEPS for number in numbers if (number - 1) // STEPS == place), default=0)
