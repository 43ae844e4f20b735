"""Practice and theory lead to each other: each behaviour and misconception to a screen, and that to exercises."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.course import catalog, lesson, links, lint, manifest, workspace
from lab.course.assignment import assignment, sources
from lab.course.exercise import Exercise
from lab.locale import LANGUAGES
from tests import toys
from tests.course import TOY

OURS = catalog.exercises()
EACH = [pytest.param(exercise, id=exercise.id) for exercise in OURS]
OUT, TWO = "day9#lamps-go-out", "day9#two-are-brighter"
"""Screens of the toy day. The first says that 9.1 practises it."""


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Exercise]:
    """The toy exercise, whose second behaviour leads to a screen, and one misconception to another."""
    folder = tmp_path / "day9" / "greeting"
    shutil.copytree(TOY, folder)
    with (folder / "exercise.toml").open("a") as file:
        file.write(f'read = "{TWO}"\n')
    about = folder / "wrong" / "forgets-the-name" / "wrong.toml"
    about.write_text(f'read = "{OUT}"\n{about.read_text()}')
    with toys.found():
        yield manifest.load(folder)


@pytest.mark.parametrize("exercise", EACH)
def test_every_behaviour_and_every_misconception_is_treated_by_a_screen(exercise: Exercise) -> None:
    leads = {one.id: one.read for one in exercise.behaviours} | {one.name: one.read for one in exercise.wrong}
    known = links.headings(leads.values())
    assert {name: screen for name, screen in leads.items() if screen not in known} == {}
    assert all(set(heading) == set(LANGUAGES) for heading in known.values())


@pytest.mark.parametrize("spoken", LANGUAGES)
def test_what_practises_a_screen_names_it_in_its_brief(spoken: str) -> None:
    briefs = {one.id: workspace.readmes(one, spoken, ("go",))[0] for one in OURS}
    for one in lesson.every(spoken):
        for screen in one.screens:
            for ident in screen.exercises:
                assert f"\n- `lab learn {one.day}#{screen.id}`: {screen.heading}\n" in briefs[ident], ident


@pytest.mark.parametrize("exercise", EACH)
def test_every_exercise_is_practice_of_its_own_day(exercise: Exercise) -> None:
    assert any(exercise.id in screen.exercises for screen in lesson.find(exercise.day).screens)


def test_a_misconception_is_treated_where_its_behaviour_is_unless_it_says_so(toy: Exercise) -> None:
    assert [one.read for one in toy.behaviours] == ["", TWO]
    assert {one.name: one.read for one in toy.wrong} == {"forgets-the-name": OUT, "always-in-english": TWO}


def test_a_brief_names_what_it_practises_and_what_its_behaviours_lead_to(toy: Exercise) -> None:
    assert list(links.screens(toy, "en")) == [OUT, TWO]
    assert workspace.readmes(toy, "uz", ("python",))[0].endswith(
        f"\n\n## O‘qish uchun\n\n- `lab learn {OUT}`: Har bir chiroq *bir kun* o‘chadi\n"
        f"- `lab learn {TWO}`: {links.headings([TWO])[TWO]['uz']}\n"
    )


def test_an_exercise_without_screens_has_a_brief_as_before() -> None:
    exercise = manifest.load(TOY)
    assert links.screens(exercise, "en") == {}
    assert workspace.readmes(exercise, "en", ("",))[0].endswith("(../../CONTRACT.md)\n")


def test_the_grader_gets_the_headings(toy: Exercise) -> None:
    given = assignment(toy, sources(toy, toy.folder / "solution"))
    assert set(given.screens) == {OUT, TWO}
    assert given.screens[TWO]["en"] == "Two lamps are brighter than one"


def test_screens_that_there_are_not_are_left_out_and_told_to_the_author(toy: Exercise) -> None:
    assert links.headings(["", "day9#dark", "day77#dark", "day1_monolith"]) == {}
    lost = replace(toy, behaviours=(replace(toy.behaviours[0], read="day9#dark"), toy.behaviours[1]))
    found = [gap for gap in lint.lint(lost, [lost]) if "no lesson" in gap]
    assert found == ["exercise.toml: C1: no lesson has the screen day9#dark"]
    assert not [gap for gap in lint.lint(toy, [toy]) if "no lesson" in gap]


def test_a_screen_is_named_whole(toy: Exercise) -> None:
    manifest_ = toy.folder / "exercise.toml"
    manifest_.write_text(manifest_.read_text().replace(TWO, "two-are-brighter"))
    with pytest.raises(manifest.InvalidExercise) as caught:
        manifest.load(toy.folder)
    assert 'exercise.toml: [[behaviours]] C2 read: "two-are-brighter" is not like day5#half-open-probes' in (
        caught.value.problems
    )
