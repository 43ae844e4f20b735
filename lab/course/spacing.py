"""When something comes back that the learner got wrong: after a day, and after each good answer later than before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol, TypeVar

DAYS = (1, 3, 7, 14, 30)
"""Until it comes back, after so many good answers in a row."""


class Named(Protocol):
    """A question, a card: what has an id."""

    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=Named)


def due(on: date, good: int) -> date:
    """When what was answered on that day comes back, with so many good answers in a row."""
    return on + timedelta(days=DAYS[min(good, len(DAYS) - 1)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """How something was answered: on which day last, how many good answers in a row, how many wrong ones in all."""

    on: date
    good: int
    wrong: int

    @property
    def due(self) -> date | None:
        """What was never answered wrong does not come back."""
        return due(self.on, self.good) if self.wrong else None


def after(before: Answered | None, right: bool, today: date) -> Answered:
    """The same after one more answer."""
    good, wrong = (before.good, before.wrong) if before else (0, 0)
    return Answered(on=today, good=good + 1 if right else 0, wrong=wrong + (not right))


def waiting(known: Sequence[T], answered: Mapping[str, Answered], today: date) -> list[T]:
    """What is to be answered today: first what is due, the longest waiting before, then what is new, in order."""
    back = [
        (when, number)
        for number, one in enumerate(known)
        if one.id in answered and (when := answered[one.id].due) and when <= today
    ]
    return [*(known[number] for _, number in sorted(back)), *(one for one in known if one.id not in answered)]


def following(days: Iterable[str], answered: Mapping[str, Mapping[str, Answered]]) -> date | None:
    """The day on which the next of what was answered on these days of the course comes back; None: nothing will."""
    return min((when for day in days for one in answered.get(day, {}).values() if (when := one.due)), default=None)
