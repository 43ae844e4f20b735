from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.faults.question import NoAnswer, Question
from lab.journal.window import worded


def question(*, near: float = 0.0, **choices: str) -> Question:
    return Question(id="1", text="?", answer="m", until=None, because="", choices=choices, near=near)


@pytest.mark.parametrize(
    ("typed", "seen", "right"),
    [
        ("3", 3, True),
        (" 3 ", 4, False),
        ("3-10", 3, True),
        ("3 – 10", 10.0, True),
        ("10..3", 7, True),
        ("3-10", 11, False),
        ("0,5", 0.5, True),
        ("-1", -1, True),
    ],
)
def test_a_number_or_a_range_is_right_or_not(typed: str, seen: float, right: bool) -> None:
    asked = question()
    assert asked.right(asked.read(typed), seen) is right


def test_what_is_near_is_right_too() -> None:
    asked = question(near=2)
    assert [seen for seen in range(20) if asked.right(asked.read("8-9"), seen)] == [6, 7, 8, 9, 10, 11]


def test_a_choice_is_taken_by_its_number_or_its_word() -> None:
    asked = question(once="one time", twice="two times")
    assert [asked.read(typed) for typed in ("2", "once")] == ["twice", "once"]
    assert (asked.right("twice", "twice"), asked.right("once", "twice")) == (True, False)
    for typed in ("3", "0", "never", ""):
        with pytest.raises(NoAnswer, match="1 to 2"):
            asked.read(typed)


@given(st.text(max_size=30))
def test_anything_is_read_or_refused(typed: str) -> None:
    asked = question()
    try:
        says = asked.read(typed)
    except NoAnswer:
        return
    assert asked.read(says) == says
    asked.right(says, 3)


def test_what_was_seen_is_worded_for_people() -> None:
    assert [worded(seen) for seen in (3.0, 1234.4, 0.0312, 12.34, "late")] == ["3", "1,234", "0.0312", "12.3", "late"]
