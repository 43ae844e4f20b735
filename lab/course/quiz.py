"""A day's quiz: questions with one right answer, each wrong one a belief that people have.

format = 1

[[question]]
id = "shared-database"
screen = "distributed-monolith"           # of the day's lesson: where it is taught
en = "Two services share one database and are deployed on different days. What is that?"
uz = "…"

[[question.choice]]
right = true                              # exactly one
en = "…"
uz = "…"
why.en = "why it is right"
why.uz = "…"

[[question.choice]]
misconception = "day5.3 half_open_flood"  # optional: the wrong service of an exercise that has this belief
en = "…"
uz = "…"
why.en = "which belief that shows, and why it is wrong"
why.uz = "…"
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from lab.course import days
from lab.course.content import InvalidContent, NotTaught, day_of, ident, tables
from lab.course.spacing import Answered, waiting
from lab.grading.model import Text
from lab.locale import LANGUAGES, tr
from lab.system.tables import Reader, Table

FILE = "quiz.toml"
QUESTION = ("id", "screen", "choice", *LANGUAGES)
CHOICE = ("right", "misconception", "why", *LANGUAGES)
FEWEST, MOST = 3, 5
"""Choices of a question."""
_MISCONCEPTION = re.compile(r"(day\d+\.\d+) (\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An answer to choose. `why` says why it is right, or which belief it shows and why that is wrong.

    `misconception` is the wrong service with that belief: the exercise and the name; empty where there is none.
    """

    says: Text
    why: Text
    right: bool = False
    misconception: tuple[str, str] | tuple[()] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question of a day; `screen` is where its lesson teaches it."""

    day: str
    id: str
    screen: str
    says: Text
    choices: tuple[Choice, ...]

    @property
    def right(self) -> Choice:
        return next(choice for choice in self.choices if choice.right)

    @property
    def read(self) -> str:
        """The screen as `lab learn` takes it."""
        return f"{self.day}#{self.screen}"


def load(path: Path) -> tuple[Question, ...]:
    """The questions of the file, in order. Raises InvalidContent with every problem that it has."""
    reader = Reader()
    found: list[Question] = []
    data = tables(reader, path, ("question",))
    for number, table in reader.rows("", data, "question"):
        name = ident(reader, f"question {number}", table, [one.id for one in found])
        found.append(_question(reader, name, f"question {name or number}", table, day_of(path)))
    if not found:
        reader.problem("question", "there is none")
    if reader.problems:
        raise InvalidContent(path, reader.problems)
    return tuple(found)


def every() -> dict[str, tuple[Question, ...]]:
    """The questions of each day that has some. Raises InvalidContent."""
    found = {name: days.find(name).quiz for name in days.names()}
    return {name: load(path) for name, path in found.items() if path}


def of(word: str) -> dict[str, tuple[Question, ...]]:
    """Those of the day that is meant. Raises Unknown, NotTaught, InvalidContent."""
    day = days.find(word)
    if not day.quiz:
        raise NotTaught(tr("{day} has no quiz yet", day=day.name), list(every()))
    return {day.name: load(day.quiz)}


def todays(
    known: Mapping[str, Sequence[Question]], answered: Mapping[str, Mapping[str, Answered]], today: date
) -> list[Question]:
    """What is to be answered today: what is due of all days, then what is new of the first day that has some."""
    found = [one for day, questions in known.items() for one in waiting(questions, answered.get(day, {}), today)]
    back = [one for one in found if one.id in answered.get(one.day, {})]
    new = [one for one in found if one not in back]
    return [*back, *(one for one in new if one.day == new[0].day)]


def shuffled(question: Question, today: date) -> list[Choice]:
    """Its choices, in an order of the day."""
    found = list(question.choices)
    random.Random(f"{question.day} {question.id} {today}").shuffle(found)
    return found


def _question(reader: Reader, name: str, place: str, table: Table, day: str) -> Question:
    reader.known(place, table, QUESTION)
    choices = [_choice(reader, f"{place}, choice {number}", row) for number, row in reader.rows(place, table, "choice")]
    if not FEWEST <= len(choices) <= MOST:
        reader.problem(place, f"{len(choices)} choices, and {FEWEST} to {MOST} is what one can weigh")
    if (right := sum(choice.right for choice in choices)) != 1:
        reader.problem(place, f"exactly one choice is right, not {right}")
    for language in LANGUAGES:
        said = [choice.says[language] for choice in choices]
        if len(set(said)) < len(said):
            reader.problem(place, f"two choices say the same in {language}")
    return Question(
        day=day,
        id=name,
        screen=reader.need(place, table, "screen", str),
        says=reader.text(place, table),
        choices=tuple(choices),
    )


def _choice(reader: Reader, place: str, table: Table) -> Choice:
    reader.known(place, table, CHOICE)
    right = reader.get(place, table, "right", bool, False)
    named = reader.get(place, table, "misconception", str, "")
    match = _MISCONCEPTION.fullmatch(named)
    if named and not match:
        reader.problem(f"{place} misconception", f'"{named}" is not like day5.3 half_open_flood')
    if named and right:
        reader.problem(f"{place} misconception", "what is right shows none")
    return Choice(
        says=reader.text(place, table),
        why=reader.text(place, table, "why"),
        right=right,
        misconception=(match[1], match[2]) if match else (),
    )
