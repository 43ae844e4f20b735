"""Quizzes and katas: their files, what comes back when, and those of all days of the course."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import pytest

from lab.course import catalog, days, kata, lesson, quiz, review
from lab.course.content import InvalidContent
from lab.course.progress import opened
from lab.course.spacing import Answered, after, following, waiting
from lab.course.theory import theory
from tests import toys

TOY = toys.HERE / "day9_lights"
DAY = date(2026, 11, 22)
QUESTIONS = [one for of_day in quiz.every().values() for one in of_day]
CARDS = [(one, card) for one in kata.every().values() for card in one.cards]


def test_a_quiz_is_read_as_it_stands() -> None:
    dark, two = quiz.load(TOY / quiz.FILE)
    assert (dark.day, dark.id, dark.read) == ("day9", "dark", "day9#lamps-go-out")
    assert dark.says["en"].startswith("The lamp is dark")
    assert [choice.right for choice in dark.choices] == [True, False, False]
    assert [choice.misconception for choice in dark.choices] == [(), ("day9.1", "forgets-the-name"), ()]
    assert two.right.why["uz"].startswith("Hammaga kerak narsa")


def test_a_kata_is_read_as_it_stands() -> None:
    read = kata.load(TOY / kata.FILE)
    assert (read.day, read.title["en"]) == ("day9", "On or off?")
    assert [answer.id for answer in read.answers] == ["on", "off", "dim"]
    night, noon = read.cards
    assert night.accepted == ("on", "dim")
    assert [reason.right for reason in night.reasons] == [True, False, True]
    assert noon.because["en"] == "Nobody sees it."


def test_a_card_wants_an_accepted_answer_and_all_its_reasons_alone() -> None:
    read = kata.load(TOY / kata.FILE)
    night, (on, off, dim) = read.cards[0], read.answers
    letters, books, reader = night.reasons
    assert night.right(on, [letters, reader])
    assert night.right(dim, [reader, letters])
    assert not night.right(off, [letters, reader])
    assert not night.right(on, [letters])
    assert not night.right(on, [letters, reader, books])


@pytest.mark.parametrize(
    ("load", "name", "before", "then", "told"),
    [
        (quiz.load, quiz.FILE, "right = true", "right = false", "question dark: exactly one choice is right, not 0"),
        (quiz.load, quiz.FILE, 'why.uz = "Unga', 'whyuz = "Unga', "question dark, choice 1 why.uz: missing"),
        (quiz.load, quiz.FILE, 'id = "two"', 'id = "dark"', 'question 2 id: "dark" stands there twice'),
        (quiz.load, quiz.FILE, 'id = "two"', 'id = "Two"', 'question 2 id: "Two" is not like shared-database'),
        (
            quiz.load,
            quiz.FILE,
            "day9.1 forgets",
            "day9.1: forgets",
            'question dark, choice 2 misconception: "day9.1: f',
        ),
        (quiz.load, quiz.FILE, "screen =", "scren =", 'question dark scren: no such key; did you mean "screen"?'),
        (quiz.load, quiz.FILE, '"Nothing."', '"It goes dark."', "question two: two choices say the same in en"),
        (quiz.load, quiz.FILE, "format = 1", "format = 7", "format: 7 is unknown; this lab reads 1"),
        (quiz.load, quiz.FILE, "format = 1", "format 1", "line 1: expected '='"),
        (kata.load, kata.FILE, '["off"]', '["of"]', 'card noon accepted: "of" is no answer of this kata'),
        (kata.load, kata.FILE, '["off"]', '["off", "on", "dim"]', "card noon accepted: some answers, and not all"),
        (kata.load, kata.FILE, "because.uz", "becauseuz", "card night because.uz: missing"),
        (kata.load, kata.FILE, "[ask]", "[asks]", "ask.en: missing"),
        (
            kata.load,
            kata.FILE,
            "right = true",
            "right = false",
            "card night: some of its reasons are right, and not all",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    load: Callable[[Path], object], name: str, before: str, then: str, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "day9_lights" / name
    path.parent.mkdir()
    text = (TOY / name).read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, then), encoding="utf-8")
    with pytest.raises(InvalidContent) as problem:
        load(path)
    assert any(one.startswith(told) for one in problem.value.problems), problem.value.problems
    assert str(problem.value).startswith(f"day9_lights/{name}: ")


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(InvalidContent, match="No such file"):
        quiz.load(TOY / "none.toml")


def test_what_was_answered_wrong_comes_back_ever_later_and_what_was_known_does_not() -> None:
    known, today = after(None, right=True, today=DAY), DAY
    assert known.due is None
    stands, back = after(None, right=False, today=DAY), []
    for right in (True, True, True, True, True, True, False, True):
        assert stands.due is not None
        back.append((stands.due - today).days)
        today = stands.due
        stands = after(stands, right, today)
    assert back == [1, 3, 7, 14, 30, 30, 30, 1]
    assert stands.wrong == 2


def test_the_shuffle_is_that_of_the_day() -> None:
    dark = quiz.load(TOY / quiz.FILE)[0]
    orders = {tuple(choice.says["en"] for choice in quiz.shuffled(dark, DAY + timedelta(days=n))) for n in range(20)}
    assert quiz.shuffled(dark, DAY) == quiz.shuffled(dark, DAY)
    assert len(orders) > 2
    assert {frozenset(order) for order in orders} == {frozenset(choice.says["en"] for choice in dark.choices)}


def test_what_is_due_comes_before_what_is_new() -> None:
    questions = quiz.load(TOY / quiz.FILE)
    answered = {"two": Answered(on=DAY, good=0, wrong=1)}
    assert [one.id for one in waiting(questions, answered, DAY)] == ["dark"]
    assert [one.id for one in waiting(questions, answered, DAY + timedelta(days=1))] == ["two", "dark"]
    assert following(["day9"], {"day9": answered}) == DAY + timedelta(days=1)
    assert following(["day8"], {"day9": answered}) is None


def test_without_a_day_what_is_due_of_all_comes_first_and_then_one_day() -> None:
    dark, two = quiz.load(TOY / quiz.FILE)
    known = {"day8": [dark_of("day8", dark), dark_of("day8", two)], "day9": [dark, two]}
    answered = {"day9": {"two": Answered(on=DAY, good=0, wrong=1)}}
    asked = quiz.todays(known, answered, DAY + timedelta(days=1))
    assert [(one.day, one.id) for one in asked] == [("day9", "two"), ("day8", "dark"), ("day8", "two")]
    assert quiz.todays({}, {}, DAY) == []


def dark_of(day: str, question: quiz.Question) -> quiz.Question:
    return quiz.Question(day=day, id=question.id, screen=question.screen, says=question.says, choices=question.choices)


def test_answers_are_kept_and_counted(tmp_path: Path) -> None:
    with toys.found():
        with opened(tmp_path) as progress:
            progress.answer("quiz", "day9", "two", Answered(on=DAY, good=0, wrong=1))
            progress.answer("quiz", "day9", "dark", Answered(on=DAY, good=1, wrong=0))
            progress.answer("kata", "day9", "noon", Answered(on=DAY, good=1, wrong=0))
        with opened(tmp_path) as progress:
            assert progress.answers("quiz")["day9"]["two"] == Answered(on=DAY, good=0, wrong=1)
            asked = review.questions(quiz.load(TOY / quiz.FILE), progress.answers("quiz"))
            assert [(one.question.id, one.due) for one in asked] == [("two", DAY + timedelta(days=1))]
            stands = theory(progress, DAY + timedelta(days=1))
            assert stands.due == 1
            assert [(one.part, one.count, one.answered, one.right) for one in stands.of("day9")] == [
                ("quiz", 2, 2, 1),
                ("kata", 2, 1, 1),
            ]
            assert theory(progress, DAY).due == 0


@cache
def wrong_services() -> frozenset[tuple[str, str]]:
    return frozenset((exercise.id, wrong.name) for exercise in catalog.exercises() for wrong in exercise.wrong)


@cache
def screens(day: str) -> frozenset[str]:
    return frozenset(screen.id for screen in lesson.find(day, "en").screens)


@pytest.mark.parametrize("day", days.names())
def test_what_a_day_asks_is_taught_and_its_misconceptions_are_known(day: str) -> None:
    """Each file is valid, too: it was read."""
    of_day = [one for one in QUESTIONS if one.day == day]
    assert not of_day or 8 <= len(of_day) <= 12
    if of_day and days.find(day).lesson:
        assert {one.screen for one in of_day} - screens(day) == set()
    named = {choice.misconception for one in of_day for choice in one.choices if choice.misconception}
    assert named - wrong_services() == set()


def test_the_right_answer_is_not_to_be_guessed_by_its_length() -> None:
    """Who always takes the longest is not right much more often than who takes any."""
    if QUESTIONS:
        for language in ("en", "uz"):
            longest = [max(one.choices, key=lambda choice: len(choice.says[language])).right for one in QUESTIONS]
            assert sum(longest) < len(QUESTIONS) / 2, language


def test_no_answer_is_right_for_all_cards_of_a_kata() -> None:
    for read, _ in CARDS:
        for answer in read.answers:
            assert not all(answer.id in card.accepted for card in read.cards), (read.day, answer.id)
