"""The words of the course: in English, in Uzbek and in Go, and where they are met.

They stand in `lab/locale/glossary.toml`, beside what the tests of the lab's Uzbek hold:

    [[term]]
    en = "circuit breaker"
    uz = "circuit breaker (uzgich)"
    go = "sony/gobreaker"                 # optional: by which name, or in which library, who writes Go knows it
    also = ["breaker"]                    # optional: other names for which it is found
    says.en = "After many failures it answers for the neighbour without asking it."
    says.uz = "…"
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lab.course import lesson
from lab.course.content import InvalidContent
from lab.grading.model import Text
from lab.locale import CATALOGUES
from lab.system.names import close_to
from lab.system.refusal import Unknown
from lab.system.tables import Reader, Unreadable, parse

FILE = CATALOGUES / "glossary.toml"
TERM = ("en", "uz", "go", "also", "says")
_PART = re.compile(r"\(([^()]*)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A word of the course; `also` are its other names, `go` is empty where Go has no word of its own."""

    en: str
    uz: str
    go: str = ""
    also: tuple[str, ...] = ()
    says: Text

    @property
    def names(self) -> frozenset[str]:
        """All by which it is looked for, in either language, as `plain` has them."""
        return frozenset(plain(name) for whole in (self.en, self.uz, *self.also) for name in _names(whole))


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """Where a term is met: screens of lessons as `lab learn` takes them with their headings, and ids of exercises."""

    screens: tuple[tuple[str, str], ...] = ()
    exercises: tuple[str, ...] = ()


def load(path: Path) -> tuple[Term, ...]:
    """The terms of the file, in its order. Raises InvalidContent with every problem that it has."""
    reader = Reader()
    try:
        data = parse(path)
    except Unreadable as error:
        raise InvalidContent(path, [error.problem]) from None
    found: list[Term] = []
    taken: dict[str, str] = {}
    for number, table in reader.rows("", data, "term"):
        name = reader.need(f"term {number}", table, "en", str)
        place = f"term {name or number}"
        reader.known(place, table, TERM)
        term = Term(
            en=name,
            uz=reader.need(place, table, "uz", str),
            go=reader.get(place, table, "go", str, ""),
            also=reader.words(place, table, "also"),
            says=reader.text(place, table, "says"),
        )
        for known in (term.en, *term.also):
            if (other := taken.setdefault(known.casefold(), name)) != name or term.also.count(known) > 1:
                reader.problem(place, f'"{known}" is a name of {other}, too')
        found.append(term)
    if reader.problems:
        raise InvalidContent(path, reader.problems)
    return tuple(found)


@cache
def terms() -> tuple[Term, ...]:
    """All of them, by their English names. Raises InvalidContent."""
    return tuple(sorted(load(FILE), key=lambda term: term.en.casefold()))


def named(name: str) -> Term:
    """The one that is called exactly so in English: what lessons name. Raises Unknown."""
    for term in terms():
        if name in (term.en, *term.also):
            return term
    raise Unknown("term", name, [term.en for term in terms()])


def find(word: str) -> list[Term]:
    """Those called so in either language; else those in whose names it stands. Raises Unknown with what comes close."""
    wanted = plain(word)
    found = [term for term in terms() if wanted in term.names]
    if not found and len(wanted) > 2:
        found = [term for term in terms() if any(f" {wanted}" in f" {name}" for name in term.names)]
    if not found:
        close = close_to(wanted, {name for term in terms() for name in term.names})
        raise Unknown("term", word, [term.en for term in terms()], meant=close)
    return found


def met() -> Mapping[str, Met]:
    """By the English name of each term that a lesson explains: where. Raises InvalidLesson."""
    screens: dict[str, list[tuple[str, str]]] = {}
    exercises: dict[str, list[str]] = {}
    for of_day in lesson.every():
        for screen in of_day.screens:
            for name in _known(screen.terms):
                screens.setdefault(name, []).append((f"{of_day.day}#{screen.id}", screen.heading))
                exercises.setdefault(name, []).extend(screen.exercises)
    return {
        name: Met(screens=tuple(screens[name]), exercises=tuple(dict.fromkeys(exercises[name]))) for name in screens
    }


def _known(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        try:
            yield named(name).en
        except Unknown:
            continue  # a test holds that there is none


def plain(name: str) -> str:
    """As names are compared: small letters, single spaces, and the signs of Uzbek as any keyboard has them."""
    return " ".join(re.sub("[‘’ʻʼ`´]", "'", name).casefold().replace("-", " ").split())


def _names(whole: str) -> Iterator[str]:
    """`kechikish (latency)` is found by either."""
    yield whole
    yield _PART.sub("", whole)
    yield from _PART.findall(whole)
