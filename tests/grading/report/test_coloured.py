"""Pieces of text on lines of a width."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from lab.grading.report.coloured import NO_BREAK, ColouredText, one_line, wrap


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Mn"]), min_size=1), max_size=30),
    st.integers(8, 60),
)
def test_nothing_is_lost_and_nothing_is_too_wide(words: list[str], room: int) -> None:
    lines = wrap([(" ".join(words), "plain")], room)
    assert "".join(text for line in lines for text, _ in line).replace(" ", "") == "".join(words).replace(" ", "")
    assert all(sum(cell_len(text) for text, _ in line) <= room for line in lines)


def test_what_belongs_together_stays_together() -> None:
    told = ["".join(text for text, _ in line).strip() for line in wrap([("GET /users/7  200 (400 ms)", "plain")], 24)]
    assert told == ["GET /users/7  200", "(400 ms)"]
    told = ["".join(text for text, _ in line).strip() for line in wrap([(f"one two a{NO_BREAK}b", "plain")], 9)]
    assert told == ["one two", f"a{NO_BREAK}b"]


def test_a_terminal_obeys_nothing_that_strangers_wrote() -> None:
    sheet = ColouredText(width=60, colour=False, unicode=True)
    sheet.line([("red \x1b[31m and\nmore\x07", "bad")])
    assert sheet.text() == "red \\x1b[31m and more\\x07"
    assert one_line("a\tb\r\nc\x00") == "a b c\\x00"


def test_colour_comes_on_top() -> None:
    plain, coloured = (ColouredText(width=60, colour=colour, unicode=True) for colour in (False, True))
    for sheet in (plain, coloured):
        sheet.line([("FAIL", "bad"), (" 3.2 s", "dim")])
    assert plain.text() == "FAIL 3.2 s"
    assert coloured.text() == "\x1b[1;31mFAIL\x1b[0m\x1b[2m 3.2 s\x1b[0m"


def test_what_does_not_fit_on_its_line_is_cut_before_the_tail() -> None:
    sheet = ColouredText(width=30, colour=False, unicode=True)
    sheet.line([("a sentence that is far too long", "plain")], tail=[("3.2 s", "dim")])
    assert sheet.text() == "a sentence that is far…  3.2 s"
