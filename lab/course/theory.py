"""How far a learner is with the quizzes and katas of the week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from lab.course import kata, quiz, review
from lab.course.progress import Part, Progress
from lab.course.spacing import Answered, Named


@dataclass(frozen=True, slots=True, kw_only=True)
class Theory:
    """The quiz or the kata of a day: how much of it was answered, and how much well the last time."""

    day: str
    part: Part
    count: int
    answered: int
    right: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """Those of all days, and how many questions of quizzes come back today."""

    rows: tuple[Theory, ...]
    due: int

    def of(self, day: str) -> list[Theory]:
        """Those of that day that were begun."""
        return [row for row in self.rows if row.day == day and row.answered]


def theory(progress: Progress, today: date) -> Taught:
    """How the learner stands by the answers in `progress`. Raises InvalidContent."""
    quizzes, katas = progress.answers("quiz"), progress.answers("kata")
    known = quiz.every()
    rows = [_row("quiz", day, questions, quizzes.get(day, {})) for day, questions in known.items()]
    rows += [_row("kata", day, one.cards, katas.get(day, {})) for day, one in kata.every().items()]
    asked = review.questions((one for of_day in known.values() for one in of_day), quizzes)
    return Taught(rows=tuple(rows), due=sum(one.due <= today for one in asked))


def _row(part: Part, day: str, known: Sequence[Named], answered: dict[str, Answered]) -> Theory:
    found = [answered[one.id] for one in known if one.id in answered]
    right = sum(one.good > 0 for one in found)
    return Theory(day=day, part=part, count=len(known), answered=len(found), right=right)
