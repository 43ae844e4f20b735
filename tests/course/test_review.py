"""A misconception comes back on the day after, then ever more rarely, and at once after a wrong answer."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from lab.course import records, review
from lab.course.manifest import load
from lab.course.progress import opened
from lab.course.records import Attempt
from lab.grading.model import Finding, Report, Verdict
from tests.course import TOY

EXERCISE = load(TOY)
DAY = date(2026, 11, 22)


def graded(own: Path, looks_like: str, day: date = DAY, verdict: Verdict = "fail") -> None:
    finding = Finding(behaviour="C1", gold=False, verdict=verdict, seconds=1, says={}, looks_like=(looks_like,))
    report = Report(
        exercise="day9.1", title={}, seed=1, started_at=f"{day}T12:00:00+00:00", seconds=1, findings=(finding,)
    )
    records.keep(records.new(own, "day9.1"), report, Attempt(code="", whole=True))


def due(own: Path) -> list[tuple[str, date]]:
    with opened(own) as progress:
        return [(card.wrong.name, card.due) for card in review.cards(own, [EXERCISE], progress)]


def test_what_was_had_is_due_on_the_day_after_and_then_ever_more_rarely(tmp_path: Path) -> None:
    graded(tmp_path, "forgets-the-name")
    graded(tmp_path, "forgets-the-name", DAY + timedelta(days=5))
    graded(tmp_path, "always-in-english", DAY + timedelta(days=1))
    graded(tmp_path, "no-such-wrong-service")
    assert due(tmp_path) == [
        ("forgets-the-name", DAY + timedelta(days=1)),
        ("always-in-english", DAY + timedelta(days=2)),
    ]
    today = DAY + timedelta(days=1)
    with opened(tmp_path) as progress:
        card = review.cards(tmp_path, [EXERCISE], progress)[0]
        answers = (True, True, True, True, True, True, False, True)
        back = [(review.answer(card, right, progress, today) - today).days for right in answers]
        assert back == [3, 7, 14, 30, 30, 30, 1, 3]
    assert due(tmp_path)[-1] == ("forgets-the-name", today + timedelta(days=3))


def test_the_right_one_is_among_the_choices_and_no_other_of_its_behaviour(tmp_path: Path) -> None:
    graded(tmp_path, "forgets-the-name")
    with opened(tmp_path) as progress:
        (card,) = review.cards(tmp_path, [EXERCISE], progress)
    shown = review.choices(card, DAY)
    assert sorted(one.name for one in shown) == ["always-in-english", "forgets-the-name"]
    assert shown == review.choices(card, DAY)
    assert card.patch.startswith("diff --git")


@pytest.mark.parametrize("verdict", ["pass", "unknown", "skipped"])
def test_what_did_not_fail_is_no_misconception(tmp_path: Path, verdict: Verdict) -> None:
    graded(tmp_path, "forgets-the-name", verdict=verdict)
    assert due(tmp_path) == []
