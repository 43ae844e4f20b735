"""A lesson as data, its figures, and the lines that it is set on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from lab.course import days, figures, lesson, reading, typeset
from lab.course.day import Day
from lab.course.figures import Seen
from lab.course.lesson import Block, Screen
from lab.course.typeset import Page
from lab.locale import speaking
from lab.runtime import runs
from tests import toys
from tests.course.lights import ANSWERED, OVER, lit, played

LIT = "day9.restart.lit"
HEAD = "# Day: lights\n\nAbout it.\n\n"


@pytest.fixture(autouse=True)
def _toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    with toys.found():
        yield


def text_of(page: Page) -> str:
    return "\n".join("".join(span.text for span in line).rstrip() for line in page.lines)


def page(ident: str, width: int = 76, *, marked: bool = False, seen: Mapping[str, Seen] | None = None) -> Page:
    made = Page(width, marked=marked)
    typeset.screen(made, lesson.find("day9", "en").screen(ident), seen or {}, typeset.played)
    return made


def written(folder: Path, text: str, about: str, uz: str | None = None) -> Day:
    """A day with this lesson."""
    (folder / "day.toml").write_text('format = 1\ntitle = { en = "x", uz = "x" }\nabout = { en = "x", uz = "x" }\n')
    (folder / "lesson.toml").write_text(f"format = 1\n{about}")
    (folder / "lesson.en.md").write_text(text)
    (folder / "lesson.uz.md").write_text(text if uz is None else uz)
    return days.load(folder)


def problems(day: Day) -> list[str]:
    with pytest.raises(lesson.InvalidLesson) as caught:
        lesson.load(day, "en")
    return list(caught.value.problems)


def test_a_lesson_is_read_in_each_language() -> None:
    english, uzbek = lesson.find("day9", "en"), lesson.find("day9", "uz")
    assert (english.title, english.day) == ("Ninth day: lights", "day9")
    assert english.introduction.startswith("When is it dark?")
    assert [one.id for one in english.screens] == [one.id for one in uzbek.screens]
    first, second = english.screens
    assert first.heading == "Every lamp goes out, *some day*"
    assert [block.kind for block in first.blocks] == ["prose", "picture", "prose", "demo", "prose"]
    assert first.blocks[1].text.startswith(" ╭──────╮"), "a picture keeps its first blank"
    assert lesson.command(first.blocks[3]) == ["run", "day9", "--scenario", "restart", "--for", "4s"]
    assert first.blocks[0].links == ("day9#two-are-brighter", "exercise:day9.1", "term:lamp")
    assert [(figure.of, figure.usual, figure.parts) for figure in first.figures] == [
        (LIT, "2", ("day9", "restart", "lit"))
    ]
    assert (first.exercises, first.terms) == (("day9.1",), ("lamp",))
    assert first.sources[0].url == "https://example.org/bulb"
    assert [(block.kind, block.language) for block in second.blocks][1] == ("code", "python")
    assert uzbek.screens[0].heading == "Har bir chiroq *bir kun* o‘chadi"
    with speaking("uz"):
        assert lesson.find("day9").language == "uz"


def test_a_day_without_a_lesson_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = replace(days.find("day9"), lesson={})
    monkeypatch.setattr(days, "find", lambda _: bare)
    with pytest.raises(lesson.NoLesson, match="day9 has no lesson yet"):
        lesson.find("day9")
    assert lesson.every() == []


def test_what_is_wrong_in_a_text_is_told_in_place(tmp_path: Path) -> None:
    text = HEAD + "\n".join(
        (
            "## no id",  # line 5
            "## One {#one}",
            "[away](day5), `[fine](here)` and {{measure: day9.lit}}",  # line 7
            "{{measure: lit | 3}}",
            "",
            "```demo",
            "lab days",
            "lab run day3",
            "```",
            "```picture",
            "x" * 77,
            "```",
            "## Two {#one}",  # line 17
            "```python",
            "## no heading {#here}",
        )
    )
    assert problems(written(tmp_path, text, '[[screen]]\nid = "one"\n')) == [
        "lesson.en.md line 5: a heading needs its id: ## claim {#id}",
        "lesson.en.md line 7: {{measure: day5.outage.spared | 19}} is how a figure is written",
        "lesson.en.md line 7: 'lit' is no day.scenario.measure",
        "lesson.en.md line 7: 'day5' leads nowhere",
        "lesson.en.md line 10: a demo is one lab command",
        "lesson.en.md line 18: this block has no end",
        'lesson.en.md line 17: another screen is called "one", too',
        "one: lit must stand in the text and in lesson.toml",
    ]


def test_what_is_wrong_beside_a_text_is_told_in_place(tmp_path: Path) -> None:
    about = (
        '[[screen]]\nid = "two"\nterm = ["x"]\nmeasures = ["lit"]\n'
        '[[screen]]\nid = "one"\n[[screen.source]]\ntitle = "x"\n[[screen]]\nid = "three"\n'
    )
    assert problems(written(tmp_path, HEAD + "## One {#one}\n\nx\n\n## Two {#two}\n\ny\n", about)) == [
        'lesson.toml screen 1 term: no such key; did you mean "terms"?',
        "lesson.toml screen 1 measures: 'lit' is no day.scenario.measure",
        "lesson.toml screen 2 source 1 url: missing",
        'lesson.en.md: no screen "three", which lesson.toml has',
        "two: lit must stand in the text and in lesson.toml",
    ]
    swapped = written(tmp_path, HEAD + "## A {#a}\n\n## B {#b}\n", '[[screen]]\nid = "b"\n[[screen]]\nid = "a"\n')
    assert problems(swapped) == [f'lesson.toml: the screen "{one}" stands in another place' for one in "ab"]
    (tmp_path / "lesson.toml").write_text("format = \n")
    assert problems(swapped)[0].startswith("lesson.toml: line 1: ")
    (tmp_path / "lesson.toml").unlink()
    assert "lesson.toml: No such file or directory" in problems(swapped)


def test_a_figure_is_the_answer_that_the_latest_run_saw() -> None:
    assert figures.here([LIT]) == {}
    played(ANSWERED, OVER)
    latest = played(lit(1.5), lit(2.5), ANSWERED, OVER)
    assert figures.here([LIT, "day9.other.lit"]) == {LIT: Seen(value=3.0, run=latest, settings="--dim")}


def test_without_an_answer_a_measure_sees_the_whole_scenario() -> None:
    run = played(lit(0.5), lit(1.5), lit(3.9), OVER, lit(4.1))
    assert figures.here([LIT])[LIT] == Seen(value=2.0, run=run, settings="--dim")
    assert figures.here([LIT])[LIT].text == "2"


def test_a_run_that_was_given_a_time_counts_and_one_that_was_left_does_not() -> None:
    timed = played(lit(1.5), lit(3.2), lit(9.0), duration=2.5)
    played(lit(1.5), lit(1.6))
    assert figures.here([LIT])[LIT] == Seen(value=2.0, run=timed, settings="--dim")


def test_a_journal_is_read_once() -> None:
    run = played(lit(1.5), OVER)
    assert figures.here([LIT])[LIT].value == 1.0
    (runs.home() / "runs" / run / "journal.ndjson").unlink()
    assert figures.here([LIT])[LIT].value == 1.0
    (runs.home() / "runs" / run / figures.KEPT).write_text("{")
    assert figures.here([LIT]) == {}


def test_the_answers_of_a_demo_are_told_in_the_words_of_its_scenario() -> None:
    assert figures.answers("day9", "restart") == ("", ())
    run = played(ANSWERED, OVER)
    with speaking("uz"):
        assert figures.answers("day9", "restart") == (run, [("Necha marta yonadi?", "3")])
    assert figures.answers("day9", "restart") == (run, [("How often is it lit?", "3")])


def test_where_one_stopped_is_remembered() -> None:
    assert reading.place().day == ""
    reading.stop_at("day9", "lamps-go-out")
    reading.stop_at("day8", "dark")
    reading.stop_at("day9", "two-are-brighter")
    assert reading.place() == reading.Place("day9", {"day9": "two-are-brighter", "day8": "dark"})
    (runs.home() / reading.FILE).write_text("[")
    assert reading.place() == reading.Place()


def test_a_screen_is_set_on_lines_with_its_places() -> None:
    made = page("lamps-go-out")
    assert text_of(made).splitlines() == [
        "Every lamp goes out, some day",
        "",
        "A lamp is a promise of light. Two of them are brighter, which is practised",
        "in 9.1, with a lamp.",
        "",
        "   ╭──────╮      ╭──────╮",
        "   │switch│──▶──▶│ lamp │",
        "   ╰──────╯      ╰──────╯",
        "",
        "Watch how often it is lit:",
        "",
        "▶ lab run day9 --scenario restart --for 4s",
        "",
        "It was lit ◇\N{NO-BREAK SPACE}2 times.",
        "",
        "◇ as printed; yours comes with lab run day9 --scenario restart --for 4s",
        "practised in 9.1",
        "[1] Incandescent light bulb",
    ]
    assert [(stop.kind, stop.to) for stop in made.stops] == [
        ("link", "day9#two-are-brighter"),
        ("link", "exercise:day9.1"),
        ("link", "term:lamp"),
        ("demo", "lab run day9 --scenario restart --for 4s"),
        ("link", "exercise:day9.1"),
        ("link", "https://example.org/bulb"),
    ]
    assert [span.text for line in made.lines for span in line if span.stop == 1] == ["9.1"]


def test_what_was_seen_here_stands_in_the_text_and_below_the_demo() -> None:
    run = played(ANSWERED, OVER)
    told = text_of(page("lamps-go-out", seen=figures.here([LIT])))
    assert "It was lit ◆\N{NO-BREAK SPACE}3 times." in told
    assert f"  ◆ How often is it lit? 3 ({run})" in told
    assert f"◆ seen on this machine: restart, {run} --dim" in told
    assert "◇" not in told


def test_lists_tables_and_code_are_set_too() -> None:
    made = page("two-are-brighter")
    assert text_of(made).splitlines() == [
        "Two lamps are brighter than one",
        "",
        "• One lamp",
        "• Two lamps, which are more",
        "",
        "lamps │ light",
        "──────┼──────",
        "1     │ 60\N{NO-BREAK SPACE}%",
        "2     │ 100\N{NO-BREAK SPACE}%",
        "",
        "  lamps = 2",
        '  print("light" * lamps)',
        "",
        "Go: lamps := 2.",
    ]
    assert [(stop.kind, stop.to) for stop in made.stops] == [("code", 'lamps = 2\nprint("light" * lamps)')]


def test_without_colours_what_is_code_or_stressed_keeps_its_signs() -> None:
    told = text_of(page("lamps-go-out", marked=True)) + text_of(page("two-are-brighter", marked=True))
    for sign in ("*some day*", "brighter (day9#two-are-brighter)", "**more**", "**Go:** `lamps := 2`", "https://exam"):
        assert sign in told.replace("\n", " ")


@pytest.mark.parametrize(("width", "indent"), [(80, 2), (77, 1), (76, 0), (70, 0)])
def test_the_widest_code_fits_a_small_terminal(width: int, indent: int) -> None:
    made = Page(width)
    code = Block(kind="code", text="x" * lesson.WIDEST)
    typeset.screen(made, Screen(id="x", heading="x", blocks=(code,)), {}, typeset.played)
    assert text_of(made).splitlines()[2] == " " * indent + code.text


@pytest.mark.parametrize("width", [20, 30, 44])
def test_prose_fits_a_narrow_page(width: int) -> None:
    for ident in ("lamps-go-out", "two-are-brighter"):
        made = page(ident, width)
        for line in made.lines:
            kept = any(span.stop is not None and made.stops[span.stop].kind != "link" for span in line)
            if not kept and not any("─" in span.text or "│" in span.text for span in line):
                assert typeset.width_of(line) <= width


def test_words_are_broken_at_blanks_or_where_they_must() -> None:
    made = Page(10)
    typeset.prose(
        made, "one **two**three [a link](https://x.y) abcdefghijklmnop  \nnew\n\n1. first\n2. second thing\n", {}
    )
    assert text_of(made).splitlines() == [
        "one",
        "twothree a",
        "link",
        "abcdefghij",
        "klmnop",
        "new",
        "",
        "1. first",
        "2. second",
        "   thing",
    ]
