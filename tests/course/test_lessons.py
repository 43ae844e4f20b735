"""Every day's lesson leads where it says: both languages tell the same screens, links and exercises are there, demos
can be started, and measures are the day's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pkgutil import resolve_name

import pytest

from lab.cli.commands import COMMANDS
from lab.course import days, lesson, setting, systems, titles, typeset
from lab.course.lesson import Block, Lesson
from lab.journal.window import window
from lab.locale import LANGUAGES

TAUGHT = [name for name in days.names() if days.find(name).lesson]
pytestmark = pytest.mark.skipif(not TAUGHT, reason="no day has a lesson yet")
EACH = [pytest.param(day, spoken, id=f"{day}-{spoken}") for day in TAUGHT for spoken in LANGUAGES]
LONGEST = 56
"""Lines of a screen at the width of a small terminal, sources included: what is longer is two screens."""
SMALL = 76


@cache
def read(day: str, spoken: str = "en") -> Lesson:
    return lesson.find(day, spoken)


def blocks(day: str, spoken: str) -> Iterator[tuple[str, Block]]:
    for screen in read(day, spoken).screens:
        for block in screen.blocks:
            yield screen.id, block


@pytest.mark.parametrize("day", TAUGHT)
def test_both_languages_tell_the_same(day: str) -> None:
    english, uzbek = (read(day, spoken) for spoken in LANGUAGES)
    assert [screen.id for screen in english.screens] == [screen.id for screen in uzbek.screens]
    for one, other in zip(english.screens, uzbek.screens, strict=True):
        for kind in ("picture", "demo", "code"):
            told = [[block.text for block in each.blocks if block.kind == kind] for each in (one, other)]
            assert len(told[0]) == len(told[1]), f"{one.id}: {kind}"
            if kind == "demo":
                assert told[0] == told[1], one.id
        links = [sorted(link for block in each.blocks for link in block.links) for each in (one, other)]
        assert set(links[0]) == set(links[1]), one.id
        assert {figure.of for figure in one.figures} == {figure.of for figure in other.figures}, one.id


@pytest.mark.parametrize(("day", "spoken"), EACH)
def test_what_stands_as_it_is_fits_a_small_terminal(day: str, spoken: str) -> None:
    wide = [
        f"{day} {spoken} line {block.line + number}: {len(line)} columns"
        for _, block in blocks(day, spoken)
        if block.kind != "prose"
        for number, line in enumerate(block.text.splitlines(), 1)
        if len(line) > lesson.WIDEST
    ]
    assert not wide


@pytest.mark.parametrize("day", TAUGHT)
def test_a_lesson_has_ten_to_fifteen_screens_and_a_few_demos(day: str) -> None:
    assert 10 <= len(read(day).screens) <= 15
    assert 3 <= sum(block.kind == "demo" for _, block in blocks(day, "en")) <= 5


@pytest.mark.parametrize(("day", "spoken"), EACH)
def test_links_lead_somewhere(day: str, spoken: str) -> None:
    exercises = {ident for ident, _ in titles.titles()}
    terms = {term for other in TAUGHT for screen in read(other).screens for term in screen.terms}
    for ident, block in blocks(day, spoken):
        for link in block.links:
            kind, _, rest = link.partition(":")
            if kind == "exercise":
                assert rest in exercises, f"{ident}: {link}"
            elif kind == "term":
                assert rest in terms or len(TAUGHT) < len(days.names()), f"{ident}: {link}"
            elif kind not in ("http", "https"):
                other, _, screen = link.partition("#")
                if other in TAUGHT:
                    assert screen in [one.id for one in read(other).screens], f"{ident}: {link}"
                else:
                    assert other in days.names(), f"{ident}: {link}"


@pytest.mark.parametrize("day", TAUGHT)
def test_what_stands_beside_the_text_is_there(day: str) -> None:
    exercises = {ident for ident, _ in titles.titles()}
    for screen in read(day).screens:
        assert set(screen.exercises) <= exercises, screen.id
        assert screen.sources, f"{screen.id} names no source"
        assert all(source.url.startswith("https://") for source in screen.sources), screen.id


@pytest.mark.parametrize(("day", "spoken"), EACH)
def test_figures_are_measures_of_scenarios_that_there_are(day: str, spoken: str) -> None:
    for screen in read(day, spoken).screens:
        for figure in screen.figures:
            of, scenario, name = figure.parts
            system = systems.find(of, played=scenario)
            measure = resolve_name(f"{system.measures}:{name}")
            of_nothing = measure(window(system, (), 0.0, 1.0))
            assert isinstance(of_nothing, str | float | int), f"{screen.id}: {figure.of}"
            if not isinstance(of_nothing, str):
                assert re.fullmatch(r"[\d.,  ]+", figure.usual), f"{screen.id}: {figure.usual}"


@pytest.mark.parametrize("day", TAUGHT)
def test_demos_are_commands_that_can_be_started_and_end(day: str) -> None:
    for ident, block in blocks(day, "en"):
        if block.kind != "demo":
            continue
        name, *words = lesson.command(block)
        assert name in ("run", "compare"), f"{ident}: nothing is seen of lab {name}"
        given = COMMANDS[name].load(name).make_context(name, words).params
        scenario = given["scenario"]
        assert given["duration"] or (name == "compare" and scenario), f"{ident}: does not end by itself"
        chosen = {
            one: "on" if value is True else str(value)
            for one in setting.known()
            if (value := given.get(one.replace("-", "_")))
        }
        for of in given.get("days") or [given["day"]]:
            system = systems.find(of, chosen, scenario)
            if scenario:
                systems.scenario(system, scenario)


@pytest.mark.parametrize(("day", "spoken"), EACH)
def test_a_screen_is_short_and_nothing_is_left_unset(day: str, spoken: str) -> None:
    for screen in read(day, spoken).screens:
        page = typeset.Page(SMALL)
        typeset.screen(page, screen, {}, lambda _: ())
        text = "\n".join("".join(span.text for span in line) for line in page.lines)
        assert "{{" not in text, screen.id
        assert not re.search(r"\]\(|(?<!\w)\*\*", "".join(_prose(page))), screen.id
        assert len(page.lines) <= LONGEST, f"{screen.id} takes {len(page.lines)} lines"


def _prose(page: typeset.Page) -> Iterator[str]:
    for line in page.lines:
        yield from (span.text for span in line if span.style in ("text", "strong", "title"))
