"""Opening the hints of an exercise, one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from lab.course import texts
from lab.course.exercise import Exercise
from lab.course.progress import Progress
from lab.course.texts import Hint
from lab.locale import tr
from lab.system.refusal import Refusal


class HintNotOpen(Refusal):
    """The hint cannot be shown yet, or there is none of that number."""

    def __init__(self, exercise: Exercise, what: str, why: str = "") -> None:
        super().__init__(what, why)
        self.exercise = exercise


@dataclass(frozen=True, slots=True)
class Opened:
    """Hint `number` of `count`, and the one `after` it. `again`: all were open before."""

    hint: Hint
    number: int
    count: int
    after: Hint | None
    again: bool


def open_one(exercise: Exercise, language: str, progress: Progress, number: int | None = None) -> Opened:
    """The hint of that number, or the next one, which is open from then on. Raises HintNotOpen, OSError."""
    hints = texts.hints(exercise.folder, language)
    before = progress.standing(exercise.id).hints
    wanted = number or min(before + 1, len(hints))
    if wanted > len(hints):
        raise HintNotOpen(exercise, tr("{id} has {count} hints", id=exercise.id, count=len(hints)))
    if wanted > before + 1:
        why = tr("Each hint opens after the one before it; the next is hint {number}.", number=before + 1)
        raise HintNotOpen(exercise, tr("hint {wanted} is not open yet", wanted=wanted), why)
    progress.open_hint(exercise.id, wanted)
    return Opened(
        hint=hints[wanted - 1],
        number=wanted,
        count=len(hints),
        after=hints[wanted] if wanted < len(hints) else None,
        again=number is None and wanted == before,
    )
