"""From an exercise to the lessons: the screens that it practises, and the one to read when a behaviour fails.

`read = "day5#half-open-probes"` stands beside the `why` of a behaviour, and in a `wrong.toml` whose misconception
another screen treats. Which exercises practise a screen says the lesson (`exercises` in `lesson.toml`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from lab.course import lesson
from lab.course.exercise import Exercise
from lab.course.lesson import Lesson, NoLesson, Screen
from lab.grading.model import Text
from lab.locale import LANGUAGES
from lab.system.refusal import Unknown


def headings(names: Iterable[str]) -> Mapping[str, Text]:
    """The headings of the screens of these names, without those that there are not. Raises InvalidLesson."""
    wanted = {name for name in names if name}
    told: dict[str, dict[str, str]] = {}
    for day in sorted({name.partition("#")[0] for name in wanted}):
        for spoken in LANGUAGES:
            for name, screen in _screens(day, spoken):
                if name in wanted:
                    told.setdefault(name, {})[spoken] = screen.heading
    return told


def screens(exercise: Exercise, spoken: str) -> Mapping[str, str]:
    """The screens that the exercise practises and those that its behaviours lead to, in the order in which they are
    taught: their headings by name. Raises InvalidLesson."""
    led_to = {behaviour.read for behaviour in exercise.behaviours}
    return {
        name: screen.heading
        for one in lesson.every(spoken)
        for name, screen in _named(one)
        if name in led_to or exercise.id in screen.exercises
    }


def _screens(day: str, spoken: str) -> Iterator[tuple[str, Screen]]:
    try:
        yield from _named(lesson.find(day, spoken))
    except (Unknown, NoLesson):
        return


def _named(one: Lesson) -> Iterator[tuple[str, Screen]]:
    """Each screen with its name, as `lab learn` takes it."""
    for screen in one.screens:
        yield f"{one.day}#{screen.id}", screen
