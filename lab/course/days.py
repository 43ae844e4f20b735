"""The days of the course, found as data: each is a package `lab.day<n>_<topic>` with a `day.toml`.

    format = 1
    panels = ["flows", "entities", "queues"]         # optional

    [title]                                          # in every language, like all that follows
    en = "Wednesday: events, queues, sagas"

    [about]
    en = "Facts instead of calls."

    [shapes]                                         # optional: SYSTEM of system.py, if there is one shape only
    monolith = "monolith:SYSTEM"                     # lab run day1, and lab run day1:monolith
    services = "services:SYSTEM"                     # lab run day1:services

Beside it stand `scenarios/`, `lesson.<language>.md` and `quiz.toml`, where there are any.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name

import lab
from lab.course.day import ONLY, Day
from lab.locale import LANGUAGES, language
from lab.system.model import System
from lab.system.refusal import Unknown
from lab.system.tables import Reader, Unreadable, parse

FILE, FORMAT = "day.toml", 1
TOP = ("format", "title", "about", "shapes", "panels")
USUAL = "system:SYSTEM"
_PACKAGE = re.compile(r"(day\d+)_\w+")
_REFERENCE = re.compile(r"[\w.]+:\w+")


class InvalidDay(ValueError):
    """The day's file is wrong. `problems` holds one sentence each, beginning with file and place."""

    def __init__(self, folder: Path, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{folder.name}/{FILE}: {problem}" for problem in problems))


def names() -> list[str]:
    """`day3` and its like, in order; nothing of theirs is read."""
    return sorted(_folders(), key=lambda name: int(name.removeprefix("day")))


def find(name: str) -> Day:
    """The day of that name. Raises Unknown, InvalidDay."""
    folders = _folders()
    if name not in folders:
        raise Unknown("day", name, folders)
    return load(folders[name])


def system(day: Day, shape: str = ONLY) -> System:
    """The day's system, or that of one of its shapes, with all that the day says about it. Raises Unknown."""
    reference = day.shapes.get(shape) if shape else next(iter(day.shapes.values()))
    if reference is None:
        raise Unknown("shape", shape, day.shapes)
    found = resolve_name(f"{day.package}.{reference}")
    assert isinstance(found, System)
    return replace(
        found,
        title=found.title or day.title[language()],
        scenarios=found.scenarios or (str(day.scenarios) if day.scenarios else None),
        panels=day.panels or found.panels,
    )


def load(folder: Path) -> Day:
    """The day in `folder`. Raises InvalidDay with every problem there is."""
    reader = Reader()
    try:
        data = parse(folder / FILE)
    except Unreadable as error:
        raise InvalidDay(folder, [str(error)]) from None
    reader.known("", data, TOP)
    if (version := reader.need("", data, "format", int)) != FORMAT:
        reader.problem("format", f"{version} is unknown; this lab reads {FORMAT}")
    shapes = reader.get("", data, "shapes", dict, {ONLY: USUAL})
    for shape, reference in shapes.items():
        if not (isinstance(reference, str) and _REFERENCE.fullmatch(reference)):
            reader.problem(f"shapes.{shape}", f"expected module:NAME, like {USUAL}")
    lesson = {path.name.split(".")[1]: path for path in sorted(folder.glob("lesson.*.md"))}
    for missing in set(LANGUAGES) - lesson.keys() if lesson else ():
        reader.problem(f"lesson.{missing}.md", "missing")
    scenarios, quiz = folder / "scenarios", folder / "quiz.toml"
    day = Day(
        name=folder.name.partition("_")[0],
        package=f"lab.{folder.name}",
        folder=folder,
        title=reader.text("", data, "title"),
        about=reader.text("", data, "about"),
        shapes=shapes,
        panels=reader.words("", data, "panels"),
        scenarios=scenarios if scenarios.is_dir() else None,
        lesson=lesson,
        quiz=quiz if quiz.is_file() else None,
    )
    if reader.problems:
        raise InvalidDay(folder, reader.problems)
    return day


def _folders() -> dict[str, Path]:
    found = {}
    for root in lab.__path__:
        for path in Path(root).glob(f"day*/{FILE}"):
            if day := _PACKAGE.fullmatch(path.parent.name):
                found[day[1]] = path.parent
    return found
