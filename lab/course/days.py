"""The days of the course, found as data: each is a package `lab.day<n>_<topic>` with a `day.toml`.

    format = 1
    panels = ["flows", "entities", "queues"]         # optional
    first = "happy"                                  # the scenario that is played if none is named; optional

    [title]                                          # in every language, like all that follows
    en = "Wednesday: events, queues, sagas"

    [about]
    en = "Facts instead of calls."

    [settings.saga]                                  # optional: lab run day3 --saga orchestration
    values = ["choreography", "orchestration"]       # the usual one first; without values it is a switch
    about.en = "who knows what comes next"

    [settings.without]                               # lab run day5 --without breaker,jitter
    values = ["breaker", "jitter"]
    several = true                                   # as many of them as one likes, usually none
    about.en = "protections that are switched off"
    needs = { saga = ["orchestration"] }             # optional: unless it is as usual, others must be one of these

Beside it stands `system.py` with a `SYSTEM`, or, where there are settings, a function `system` that takes each of them
by name and makes it; and `measures.py` (`lab.journal.window`), `scenarios/`, `lesson.<language>.md`,
`quiz.toml` (`lab.course.quiz`) and `kata.toml` (`lab.course.kata`), where there are any.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from types import MappingProxyType

import lab
from lab.course import setting
from lab.course.day import Day
from lab.course.setting import Setting, Value
from lab.locale import LANGUAGES, language, tr
from lab.system.model import System
from lab.system.refusal import Refusal, Unknown
from lab.system.tables import Reader, Table, Unreadable, parse

FILE, FORMAT = "day.toml", 1
TOP = ("format", "title", "about", "first", "settings", "panels")
SETTING = ("values", "several", "about", "needs")
_PACKAGE = re.compile(r"(day\d+)_\w+")
_WORD = re.compile(r"[a-z][a-z0-9-]*")


class NotItsSetting(Refusal):
    """What was given the setting has none of that name: another day has, or it is no day."""


class NotTogether(Refusal):
    """Two settings make no sense together. `chosen` is what would: settings that are not as usual, by name."""

    def __init__(self, day: Day, one: Setting, settings: Mapping[str, str], other: str) -> None:
        fitting = one.needs[other]
        mended = {**settings, other: fitting[0]}
        self.day = day.name
        self.chosen = {name: text for name, text in mended.items() if text != day.settings[name].usual}
        super().__init__(
            tr(
                "{one} makes no sense with {other}",
                one=setting.option(one.name, settings[one.name]),
                other=setting.option(other, settings[other]),
            ),
            tr("It goes with {option}.", option=setting.option(other, "|".join(fitting))),
        )


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
        raise Unknown("day", name, folders, meant=_meant(name, folders))
    return load(folders[name])


def _meant(word: str, folders: Mapping[str, Path]) -> list[str]:
    """The days that a word may stand for: by its number (`3`, `day03`), or by its title in any language (`monday`,
    `seshanba`, `events`). Days are called so much alike that how close a name comes says nothing."""
    number = re.fullmatch(r"\D*0*(\d+)", word.casefold())
    if number and f"day{number[1]}" in folders:
        return [f"day{number[1]}"]
    return [name for name in names() if word.casefold() in _words(folders[name])]


def _words(folder: Path) -> set[str]:
    try:
        title = load(folder).title
    except InvalidDay:
        return set()
    return {word.casefold() for text in title.values() for word in re.findall(r"[\w‘’-]{4,}", text)}


def system(day: Day, chosen: Mapping[str, str] = MappingProxyType({})) -> System:
    """The day's system with these settings (the others as usual), with all that the day says about it. Raises Unknown,
    and Refusal if they do not go together."""
    values = read(day, chosen)
    settings = {name: chosen.get(name, one.usual) for name, one in day.settings.items()}
    _go_together(day, settings)
    if settings:
        made = resolve_name(f"{day.package}.system:system")(
            **{name.replace("-", "_"): value for name, value in values.items()}
        )
    else:
        made = resolve_name(f"{day.package}.system:SYSTEM")
    assert isinstance(made, System)
    return replace(
        made,
        title=made.title or day.title[language()],
        settings=settings,
        first=made.first or day.first,
        scenarios=str(day.scenarios) if day.scenarios else None,
        measures=f"{day.package}.measures" if (day.folder / "measures.py").is_file() else "",
        panels=made.panels or day.panels,
    )


def read(day: Day, chosen: Mapping[str, str]) -> dict[str, Value]:
    """The value of each of the day's settings. Raises Unknown, NotItsSetting."""
    for name in chosen:
        if name not in day.settings:
            raise no_setting(day, name)
    return {name: one.read(chosen.get(name, one.usual)) for name, one in day.settings.items()}


def no_setting(day: Day, name: str) -> Refusal:
    """What to say to somebody who wants this setting of the day."""
    if others := setting.known().get(name):
        return NotItsSetting(
            tr("--{name} is a setting of {days}, not of {day}", name=name, days=", ".join(others), day=day.name),
            tr("There are: {known}", known=", ".join(sorted(day.settings))) if day.settings else tr("There are none."),
        )
    return Unknown("setting", name, day.settings)


def _go_together(day: Day, settings: Mapping[str, str]) -> None:
    """Raises NotTogether."""
    for name, one in day.settings.items():
        if one.read(settings[name]) != one.read(one.usual):
            for other, fitting in one.needs.items():
                if settings[other] not in fitting:
                    raise NotTogether(day, one, settings, other)


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
    settings = {name: _setting(reader, name, table) for name, table in reader.tables(data, "settings").items()}
    _check_needs(reader, settings)
    lesson = {path.name.split(".")[1]: path for path in sorted(folder.glob("lesson.*.md"))}
    for missing in set(LANGUAGES) - lesson.keys() if lesson else ():
        reader.problem(f"lesson.{missing}.md", "missing")
    scenarios, quiz, kata = folder / "scenarios", folder / "quiz.toml", folder / "kata.toml"
    day = Day(
        name=folder.name.partition("_")[0],
        package=f"lab.{folder.name}",
        folder=folder,
        title=reader.text("", data, "title"),
        about=reader.text("", data, "about"),
        settings=settings,
        first=reader.get("", data, "first", str, ""),
        panels=reader.words("", data, "panels"),
        scenarios=scenarios if scenarios.is_dir() else None,
        lesson=lesson,
        quiz=quiz if quiz.is_file() else None,
        kata=kata if kata.is_file() else None,
    )
    if reader.problems:
        raise InvalidDay(folder, reader.problems)
    return day


def _setting(reader: Reader, name: str, table: Table) -> Setting:
    place = f"[settings.{name}]"
    reader.known(place, table, SETTING)
    values = reader.words(place, table, "values")
    for word in (name, *values):
        if not _WORD.fullmatch(word):
            reader.problem(place, tr("{word!r} is no word of small letters, digits and dashes", word=word))
    several = reader.get(place, table, "several", bool, False)
    if several and not values:
        reader.problem(f"{place} several", tr("several of no values"))
    needed = reader.get(place, table, "needs", dict, {})
    needs = {other: reader.words(f"{place} needs", needed, other) for other in needed}
    return Setting(name=name, about=reader.text(place, table, "about"), values=values, several=several, needs=needs)


def _check_needs(reader: Reader, settings: Mapping[str, Setting]) -> None:
    """What a setting needs of another must be something that the other can be."""
    for name, one in settings.items():
        place = f"[settings.{name}] needs"
        for other, fitting in one.needs.items():
            try:
                if other not in settings:
                    raise Unknown("setting", other, settings)
                for value in fitting:
                    settings[other].read(value)
            except Unknown as problem:
                reader.problem(place, problem.what)


def _folders() -> dict[str, Path]:
    found = {}
    for root in lab.__path__:
        for path in Path(root).glob(f"day*/{FILE}"):
            if day := _PACKAGE.fullmatch(path.parent.name):
                found[day[1]] = path.parent
    return found
