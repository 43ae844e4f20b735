"""A day's kata: cases, each with what is accepted as an answer and the reasons to tick.

format = 1
[title]
en = "AP or CP?"
uz = "…"
[ask]                                     # what is asked of each card
en = "What should the operation do, and why?"
uz = "…"

[[answer]]                                # the same for all cards
id = "ap"
en = "…"
uz = "…"

[[card]]
id = "cart"
en = "A customer puts tea into the cart of an online shop."
uz = "…"
accepted = ["ap"]                         # one or several: what depends on what the card does not say is no mistake
because.en = "…"
because.uz = "…"

[[card.reason]]
right = true                              # one or several
en = "…"
uz = "…"
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from lab.course import days
from lab.course.content import InvalidContent, NotTaught, day_of, ident, tables
from lab.grading.model import Text
from lab.locale import LANGUAGES, tr
from lab.system.tables import Reader, Table

FILE = "kata.toml"
ANSWER = ("id", *LANGUAGES)
CARD = ("id", "accepted", "because", "reason", *LANGUAGES)
REASON = ("right", *LANGUAGES)
FEWEST, MOST = 2, 5
"""Reasons of a card; answers, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One of those that every card of the kata may be given."""

    id: str
    says: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A reason to tick, if it is one."""

    says: Text
    right: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One case: which answers are `accepted`, and `because` says why."""

    id: str
    says: Text
    accepted: tuple[str, ...]
    because: Text
    reasons: tuple[Reason, ...]

    def right(self, answer: Answer, ticked: Collection[Reason]) -> bool:
        """Whether the answer is accepted, and all reasons are ticked that are some, and no others."""
        return answer.id in self.accepted and all((one in ticked) is one.right for one in self.reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kata:
    """The cards of a day, and what is asked of each."""

    day: str
    title: Text
    ask: Text
    answers: tuple[Answer, ...]
    cards: tuple[Card, ...]


def load(path: Path) -> Kata:
    """The kata in the file. Raises InvalidContent with every problem that it has."""
    reader = Reader()
    data = tables(reader, path, ("title", "ask", "answer", "card"))
    answers: list[Answer] = []
    for number, table in reader.rows("", data, "answer"):
        place = f"answer {number}"
        reader.known(place, table, ANSWER)
        name = ident(reader, place, table, [one.id for one in answers])
        answers.append(Answer(id=name, says=reader.text(place, table)))
    _some(reader, "answer", len(answers), "answers")
    cards: list[Card] = []
    for number, table in reader.rows("", data, "card"):
        name = ident(reader, f"card {number}", table, [one.id for one in cards])
        cards.append(_card(reader, name, f"card {name or number}", table, [one.id for one in answers]))
    if not cards:
        reader.problem("card", "there is none")
    found = Kata(
        day=day_of(path),
        title=reader.text("", data, "title"),
        ask=reader.text("", data, "ask"),
        answers=tuple(answers),
        cards=tuple(cards),
    )
    if reader.problems:
        raise InvalidContent(path, reader.problems)
    return found


def every() -> dict[str, Kata]:
    """The kata of each day that has one. Raises InvalidContent."""
    found = {name: days.find(name).kata for name in days.names()}
    return {name: load(path) for name, path in found.items() if path}


def of(word: str) -> dict[str, Kata]:
    """That of the day that is meant. Raises Unknown, NotTaught, InvalidContent."""
    day = days.find(word)
    if not day.kata:
        raise NotTaught(tr("{day} has no kata", day=day.name), list(every()))
    return {day.name: load(day.kata)}


def shuffled(kata: Kata, card: Card, today: date) -> list[Reason]:
    """The reasons of the card, in an order of the day."""
    found = list(card.reasons)
    random.Random(f"{kata.day} {card.id} {today}").shuffle(found)
    return found


def _card(reader: Reader, name: str, place: str, table: Table, answers: Collection[str]) -> Card:
    reader.known(place, table, CARD)
    accepted = reader.words(place, table, "accepted")
    for one in accepted:
        if one not in answers:
            reader.problem(f"{place} accepted", f'"{one}" is no answer of this kata')
    if not 0 < len(set(accepted)) < max(len(answers), 1):
        reader.problem(f"{place} accepted", "some answers, and not all of them")
    reasons = []
    for number, row in reader.rows(place, table, "reason"):
        at = f"{place}, reason {number}"
        reader.known(at, row, REASON)
        reasons.append(Reason(says=reader.text(at, row), right=reader.get(at, row, "right", bool, False)))
    _some(reader, place, len(reasons), "reasons")
    if not 0 < sum(reason.right for reason in reasons) < max(len(reasons), 1):
        reader.problem(place, "some of its reasons are right, and not all of them")
    return Card(
        id=name,
        says=reader.text(place, table),
        accepted=accepted,
        because=reader.text(place, table, "because"),
        reasons=tuple(reasons),
    )


def _some(reader: Reader, place: str, count: int, what: str) -> None:
    if not FEWEST <= count <= MOST:
        reader.problem(place, f"{count} {what}, and {FEWEST} to {MOST} is what one can weigh")
