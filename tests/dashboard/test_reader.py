"""The reader of lessons under a person's hands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from lab.course import reading
from lab.dashboard.app import DashboardApp
from lab.dashboard.pages import Pages
from lab.dashboard.reader import ReaderScreen
from lab.dashboard.rows import text_of
from lab.dashboard.surface import Surface
from lab.locale import language, speaking
from tests import toys
from tests.course.lights import ANSWERED, OVER, played
from tests.waiting import aeventually

WIDE, NARROW = (120, 40), (80, 24)
DEMO = ["run", "day9", "--scenario", "restart", "--for", "4s"]


@pytest.fixture(autouse=True)
def _toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    monkeypatch.setenv("LAB_LANG", "en")
    with toys.found(), speaking("en"):
        yield


class Reader:
    """A reader that is open, and what it was asked to run."""

    def __init__(self, day: str, ident: str) -> None:
        self.ran: list[Sequence[str]] = []
        self.screen = ReaderScreen(day, ident, play=self._play)
        self.app = DashboardApp(self.screen)
        self.pilot: Pilot[None]

    def _play(self, words: Sequence[str]) -> None:
        self.ran.append(words)
        played(ANSWERED, OVER)

    @property
    def page(self) -> str:
        return text_of(self.screen.query_one("#page", Surface).rows)

    @property
    def head(self) -> str:
        return text_of(self.screen.query_one("#head", Surface).rows)

    @property
    def chosen(self) -> str:
        """What is shown as chosen on the page."""
        rows = self.screen.query_one("#page", Surface).rows
        return " ".join(text for row in rows for text, style in row if style == "select")

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def sees(self, text: str) -> None:
        await aeventually(lambda: text in self.page, timeout=10)


@asynccontextmanager
async def opened(size: tuple[int, int] = WIDE, day: str = "day9", ident: str = "") -> AsyncIterator[Reader]:
    reader = Reader(day, ident)
    async with reader.app.run_test(size=size) as pilot:
        reader.pilot = pilot
        await aeventually(lambda: reader.page and reader.head, timeout=10)
        yield reader


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_it_opens_with_the_first_screen_and_turns_its_pages(size: tuple[int, int]) -> None:
    async with opened(size) as reader:
        await reader.sees("When is it dark? After this day you can switch a lamp on.")
        assert "Every lamp goes out, some day" in reader.page
        assert reader.head.startswith(" lab learn · Ninth day: lights")
        assert reader.head.rstrip().endswith("1/2")
        assert reader.screen.query_one("#side").display == (size == WIDE)
        await reader.press("right")
        await reader.sees("Two lamps are brighter than one")
        await reader.press("right")  # the last day: there is no next one
        assert "Two lamps are brighter" in reader.page
        await reader.press("p")
        await reader.sees("Every lamp goes out")


@pytest.mark.parametrize("size", [WIDE, NARROW, (50, 20)])
async def test_the_page_is_as_wide_as_it_is_shown(size: tuple[int, int]) -> None:
    async with opened(size) as reader:
        await reader.sees("Every lamp")
        page = reader.screen.query_one("#page", Surface)
        assert max(map(len, reader.page.splitlines())) <= page.size.width


async def test_space_reads_on_page_after_page() -> None:
    async with opened((80, 14)) as reader:
        for _ in range(9):
            await reader.press("space")
            if "Two lamps are" in reader.page:
                return
        raise AssertionError("space never came to the next screen")


async def test_a_link_is_chosen_and_followed_and_one_comes_back() -> None:
    async with opened() as reader:
        await reader.press("tab")
        assert reader.chosen == "brighter"
        await reader.press("enter")
        await reader.sees("Two lamps are brighter than one")
        await reader.press("b")
        await reader.sees("Every lamp goes out")
        await reader.press("tab", "tab", "enter")  # an exercise that there is not
        await reader.press("tab", "enter")
        assert reader.chosen == ""
        assert "Every lamp goes out" in reader.page, "the word is explained here"


async def test_a_click_does_the_same() -> None:
    async with opened() as reader:
        await reader.sees("brighter")
        lines = reader.page.splitlines()
        row = next(number for number, line in enumerate(lines) if "brighter" in line)
        await reader.pilot.click("#page", offset=(lines[row].index("brighter") - 2, row))
        assert "Every lamp goes out" in reader.page, "beside the link there is nothing"
        await reader.pilot.click("#page", offset=(lines[row].index("brighter") + 2, row))
        await reader.sees("Two lamps are brighter than one")


async def test_an_exercise_is_shown_with_what_it_asks_for() -> None:
    async with opened() as reader:
        reader.screen._follow("exercise:day5.3")
        await aeventually(lambda: isinstance(reader.app.screen, Pages) and "lab start 5.3" in told(reader), timeout=10)
        await reader.press("escape")
        assert reader.app.screen is reader.screen


def told(reader: Reader) -> str:
    return "\n".join(text_of(surface.rows) for surface in reader.app.screen.query(Surface))


async def test_a_demo_is_run_and_its_figures_stand_in_the_text() -> None:
    async with opened() as reader:
        await reader.sees("It was lit ◇\N{NO-BREAK SPACE}2 times.")
        await reader.press("enter")  # the only demo of the screen
        assert reader.ran == [DEMO]
        await reader.sees("It was lit ◆\N{NO-BREAK SPACE}3 times.")
        assert "◆ How often is it lit? 3 (0001-day9)" in reader.page
        assert reader.chosen.startswith("lab run day9")


async def test_code_is_copied() -> None:
    async with opened(ident="two-are-brighter") as reader:
        await reader.press("y")
        assert reader.app.clipboard == 'lamps = 2\nprint("light" * lamps)'
        await reader.press("tab")
        assert reader.chosen.startswith("lamps = 2")


async def test_the_language_is_switched_in_place() -> None:
    async with opened(ident="two-are-brighter") as reader:
        await reader.press("l")
        await reader.sees("Ikki chiroq bittasidan yorug‘roq")
        assert language() == "uz"
        assert "To‘qqizinchi kun" in reader.head
        assert "keyingisi" in text_of(reader.screen.query_one("#foot", Surface).rows)
        await reader.press("l")
        await reader.sees("Two lamps")


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_a_screen_is_found_by_its_words(size: tuple[int, int]) -> None:
    async with opened(size) as reader:
        await reader.press("slash")
        assert isinstance(reader.app.focused, Input)
        await reader.press(*"LAMPS bright", "enter")
        contents = reader.screen.query_one(OptionList)
        assert [option.id for option in contents.options if option.id][-1] == "day9#two-are-brighter"
        contents.highlighted = contents.option_count - 1
        await reader.press("enter")
        await reader.sees("Two lamps are brighter")
        assert reader.app.focused is None


async def test_the_contents_lead_to_a_screen_and_close() -> None:
    async with opened(NARROW) as reader:
        await reader.press("c")
        assert not reader.screen.query_one("#scroll").display
        await reader.press("down", "enter")
        await reader.sees("Two lamps are brighter")
        assert reader.screen.query_one("#scroll").display
        await reader.press("c", "escape")
        assert reader.screen.query_one("#scroll").display
        await reader.press("b")
        await reader.sees("Every lamp goes out")


async def test_it_opens_where_its_reader_stopped() -> None:
    async with opened() as reader:
        await reader.press("right")
    assert reading.place() == reading.Place("day9", {"day9": "two-are-brighter"})
    async with opened(day="") as reader:
        await reader.sees("Two lamps are brighter")
    async with opened(ident="lamps-go-out") as reader:
        await reader.sees("Every lamp goes out")


async def test_every_key_is_in_the_help() -> None:
    async with opened() as reader:
        await reader.press("question_mark")
        await aeventually(lambda: "follow the link, run the demo, copy the code" in told(reader), timeout=10)
        assert "a figure that was seen on this machine" in told(reader)
