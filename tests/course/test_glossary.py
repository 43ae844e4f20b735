"""The words of the course: found in either language, used by the lessons, said as the glossary says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from lab.course import glossary, lesson
from lab.course.content import InvalidContent
from lab.locale import LANGUAGES
from lab.system.refusal import Unknown

HELD = tomllib.loads(glossary.FILE.read_text(encoding="utf-8"))["uz"]
LESSONS = [found for language in LANGUAGES for found in lesson.every(language)]


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("outbox", ["outbox"]),
        ("Circuit Breaker", ["circuit breaker"]),
        ("breaker", ["circuit breaker"]),
        ("uzgich", ["circuit breaker"]),
        ("so'rov", ["request"]),
        ("so`rov", ["request"]),
        ("kechikish", ["latency"]),
        ("cache aside", ["cache-aside"]),
        ("partition", ["partition (data)", "partition (network)"]),
        ("idempot", ["idempotency key", "idempotent", "idempotent consumer"]),
    ],
)
def test_a_term_is_found_by_its_name_in_either_language(word: str, found: list[str]) -> None:
    assert [term.en for term in glossary.find(word)] == found


@pytest.mark.parametrize(
    ("word", "meant"), [("bulkhed", "bulkhead"), ("xoreografya", "xoreografiya"), ("idempotant", "idempotent")]
)
def test_a_near_miss_is_told_what_was_meant(word: str, meant: str) -> None:
    with pytest.raises(Unknown, match=f'there is no term "{word}"\nDid you mean .*{meant}'):
        glossary.find(word)


def test_what_is_near_nothing_is_told_some() -> None:
    with pytest.raises(Unknown, match=r"There are [0-9]+: API composition, CAP"):
        glossary.find("zzzz")


def test_a_glossary_with_mistakes_is_told_with_all_of_them(tmp_path: Path) -> None:
    path = tmp_path / "glossary.toml"
    path.write_text(
        '[[term]]\nen = "a"\nuz = "b"\nsays.en = "c"\n[[term]]\nen = "d"\nuz = "e"\nalso = ["A"]\nsays.en = "f"\n'
        'says.uz = "g"\nnote = "h"\n'
    )
    with pytest.raises(InvalidContent) as problem:
        glossary.load(path)
    assert problem.value.problems == (
        "term a says.uz: missing",
        "term d note: no such key",
        'term d: "A" is a name of a, too',
    )


def test_the_terms_of_the_lessons_are_in_the_glossary() -> None:
    named = {name for one in LESSONS for screen in one.screens for name in screen.terms}
    linked = {
        link.removeprefix("term:")
        for one in LESSONS
        for screen in one.screens
        for block in screen.blocks
        for link in block.links
        if link.startswith("term:")
    }
    known = {name for term in glossary.terms() for name in (term.en, *term.also)}
    assert (named | linked) - known == set()


def test_where_a_term_is_met_is_known_of_those_that_a_lesson_explains() -> None:
    explained = {glossary.named(name).en for one in LESSONS for screen in one.screens for name in screen.terms}
    assert glossary.met().keys() == explained
    for where in glossary.met().values():
        assert where.screens


def test_its_uzbek_is_that_of_the_lab() -> None:
    """What the tests of the lab's texts ask of them they ask of the glossary, too."""
    for term in glossary.terms():
        if words := HELD["terms"].get(term.en):
            assert any(word.strip().lower() in term.uz.lower() for word in words), term.en
        said = re.sub(r"`[^`]*`", "·", f"{term.uz}. {term.says['uz']}")
        for word in HELD["never"]:
            end = r"(?!\w)" if word.endswith("!") else ""
            assert not re.search(rf"(?<![\w‘’]){re.escape(word.rstrip('!'))}{end}", said, re.IGNORECASE), (
                term.en,
                word,
            )
        assert not re.search(r"[OoGg]['`’](?=\w)|[ʻʼ´']", said), term.en


def test_a_definition_is_a_line() -> None:
    assert [term.en for term in glossary.terms() if any(len(said) > 120 for said in term.says.values())] == []
