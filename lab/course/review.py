"""Misconceptions of the learner's own come back on the days after: those of programs as small exercises, find it in
a program; those of a quiz as its question.

What a learner had is in the reports of their gradings and among their answers. A card comes back the day after;
answered well, after three days, a week, two weeks and a month more; answered wrong, the day after again
(`lab.course.spacing`).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from lab.course import records, spacing
from lab.course.exercise import Exercise
from lab.course.progress import Progress
from lab.course.quiz import Question
from lab.course.spacing import Answered
from lab.grading.model import WrongService

CHOICES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A misconception that the learner had, and when it is due."""

    exercise: Exercise
    wrong: WrongService
    due: date

    @property
    def patch(self) -> str:
        """What a service does in which it is to be seen, as a change of a correct one. Raises OSError."""
        return _patch(self.exercise, self.wrong).read_text(encoding="utf-8")


def _patch(exercise: Exercise, wrong: WrongService) -> Path:
    return exercise.folder / "wrong" / wrong.name / "change.patch"


def cards(own: Path, known: Sequence[Exercise], progress: Progress) -> list[Card]:
    """A card for each misconception that failures of the learner looked like, those first that are due first."""
    by_id = {exercise.id: exercise for exercise in known}
    had: dict[tuple[str, str], date] = {}
    for _, report, _ in records.read(own):
        day = datetime.fromisoformat(report.started_at).astimezone().date()
        for finding in report.findings:
            if finding.verdict == "fail" and finding.looks_like:
                had.setdefault((report.exercise, finding.looks_like[0]), day)
    answered = progress.reviews()
    found = []
    for (ident, name), day in had.items():
        exercise = by_id.get(ident)
        wrong = next((one for one in exercise.wrong if one.name == name), None) if exercise else None
        if exercise and wrong and _patch(exercise, wrong).exists():  # what is wrong may be the history of a branch
            at, good = answered.get((ident, name), (day, 0))
            found.append(Card(exercise=exercise, wrong=wrong, due=spacing.due(at, good)))
    return sorted(found, key=lambda card: (card.due, card.exercise.order, card.wrong.name))


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a quiz that the learner once answered wrong, and when it is due."""

    question: Question
    due: date


def questions(known: Iterable[Question], answered: Mapping[str, Mapping[str, Answered]]) -> list[Asked]:
    """Those that come back, those first that are due first."""
    stand = ((one, answered.get(one.day, {}).get(one.id)) for one in known)
    found = [Asked(one, answer.due) for one, answer in stand if answer and answer.due]
    return sorted(found, key=lambda asked: (asked.due, asked.question.day))


def choices(card: Card, today: date) -> list[WrongService]:
    """The misconceptions to choose from, in an order of the day; of the others none is taken for the same behaviour."""
    chance = random.Random(f"{card.wrong.name} {today}")
    others = [one for one in card.exercise.wrong if one.fails != card.wrong.fails]
    found = [card.wrong, *chance.sample(others, min(CHOICES - 1, len(others)))]
    chance.shuffle(found)
    return found


def answer(card: Card, right: bool, progress: Progress, today: date) -> date:
    """Note the answer; when the card comes back."""
    _, good = progress.reviews().get((card.exercise.id, card.wrong.name), (today, 0))
    good = good + 1 if right else 0
    progress.review(card.exercise.id, card.wrong.name, today, good)
    return spacing.due(today, good)
