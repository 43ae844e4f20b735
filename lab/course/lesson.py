"""A day's lesson: screens of one claim each, as Markdown in every language, and what no language changes.

`lesson.toml`, beside `lesson.en.md` and `lesson.uz.md`:

    format = 1

    [[screen]]
    id = "half-open-probes"              # the same as in the heading of its text, in the same order
    exercises = ["day5.3"]               # optional, like all that follows: where it is practised
    terms = ["circuit breaker"]          # the words that it explains
    measures = ["day5.outage.spared"]    # the figures in its text
    [[screen.source]]
    title = "…"
    url = "https://…"

A text is Markdown without HTML: `# title`, an introduction, and a screen under each `## claim {#id}`. A fenced block
`picture` is drawn as it stands, a block `demo` holds one `lab` command that the reader can start. Beside
`https://…`, links lead to a screen (`day3#outbox`), an exercise (`exercise:day5.3`) or a word (`term:lease`).
`{{measure: day5.outage.spared | 19}}` is a figure of this machine's (`lab.course.figures`), or the one that is printed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from lab.course import days
from lab.course.day import Day
from lab.locale import language, tr
from lab.system.refusal import Refusal, Unknown
from lab.system.tables import Reader, Table, Unreadable, parse

FILE, FORMAT = "lesson.toml", 1
TOP = ("format", "screen")
SCREEN = ("id", "exercises", "terms", "measures", "source")
WIDEST = 76
"""Columns that a line of a picture, of code or a command takes at most, so that it fits a small terminal."""

Kind = Literal["prose", "code", "picture", "demo"]

_HEADING = re.compile(r"##\s+(?P<says>.+?)\s+\{#(?P<id>[a-z0-9]+(?:-[a-z0-9]+)*)\}")
_FENCE = re.compile(r"```\s*(?P<info>[\w+-]*)\s*")
_FIGURE = re.compile(r"\{\{measure:\s*(?P<of>[\w.-]+?)\s*\|\s*(?P<usual>[^{}|]+?)\s*\}\}")
_MEASURE = re.compile(r"(?P<day>day\d+)\.(?P<scenario>[a-z0-9-]+)\.(?P<name>[a-z]\w*)")
_LINK = re.compile(r"\[[^\[\]]*\]\((?P<to>term:[^()]*|[^()\s]*)\)")
_CODE = re.compile(r"`[^`]+`")
_TARGET = re.compile(r"day\d+#[a-z0-9-]+|exercise:day\d+\.\d+|term:[^:]+|https?://\S+")


class InvalidLesson(ValueError):
    """The lesson's files are wrong. `problems` holds one sentence each, beginning with file and place."""

    def __init__(self, folder: Path, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{folder.name}/{problem}" for problem in problems))


class NoLesson(Refusal):
    """The day has no lesson."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A place in a text for what a measure saw: `usual` is printed until this machine has played the scenario."""

    of: str
    usual: str

    @property
    def parts(self) -> tuple[str, str, str]:
        """The day, its scenario, and the function of its measures."""
        day, scenario, name = self.of.split(".")
        return day, scenario, name


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A part of a screen: Markdown (`prose`), `code` in a `language`, a `picture`, or the command of a `demo`."""

    kind: Kind
    text: str
    language: str = ""
    line: int = 0
    """Where it begins in its file."""

    @property
    def figures(self) -> tuple[Figure, ...]:
        return tuple(Figure(of=one["of"], usual=one["usual"]) for one in _FIGURE.finditer(self.text))

    @property
    def links(self) -> tuple[str, ...]:
        if self.kind != "prose":
            return ()
        return tuple(one["to"] for one in _LINK.finditer(_CODE.sub("", self.text)))


@dataclass(frozen=True, slots=True)
class Source:
    """Where a screen has it from."""

    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """One claim: `heading` says it, in Markdown as all text of a lesson."""

    id: str
    heading: str
    blocks: tuple[Block, ...]
    exercises: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()

    @property
    def figures(self) -> tuple[Figure, ...]:
        return tuple(figure for block in self.blocks for figure in block.figures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A day's lesson in one language, its screens in the order in which they are read."""

    day: str
    language: str
    title: str
    introduction: str
    screens: tuple[Screen, ...]

    def screen(self, ident: str) -> Screen:
        """Raises Unknown."""
        for screen in self.screens:
            if screen.id == ident:
                return screen
        raise Unknown("screen", ident, [screen.id for screen in self.screens])


def with_figures(text: str, shown: Callable[[Figure], str]) -> str:
    """The text with each of its figures as `shown` says it."""
    return _FIGURE.sub(lambda one: shown(Figure(of=one["of"], usual=one["usual"])), text)


def command(block: Block) -> list[str]:
    """The words of a demo's command, after `lab`."""
    return shlex.split(block.text)[1:]


def find(day: str, spoken: str = "") -> Lesson:
    """The lesson of that day, in the language that is spoken. Raises Unknown, NoLesson, InvalidLesson."""
    found = days.find(day)
    if not found.lesson:
        taught = ", ".join(_taught())
        raise NoLesson(tr("{day} has no lesson yet", day=day), tr("There are: {known}", known=taught) if taught else "")
    return load(found, spoken or language())


def every(spoken: str = "") -> list[Lesson]:
    """Those of all days that have one. Raises InvalidLesson."""
    return [find(day, spoken) for day in _taught()]


def load(day: Day, spoken: str) -> Lesson:
    """The day's lesson in that language. Raises InvalidLesson with every problem that its files have."""
    reader = Reader()
    lesson = _text(reader, day.name, spoken, day.lesson[spoken])
    about = _about(reader, day.folder)
    told = [screen.id for screen in about]
    for number, screen in enumerate(lesson.screens):
        if screen.id not in told:
            reader.problem(FILE, tr('no screen "{id}", which {file} has', id=screen.id, file=day.lesson[spoken].name))
        elif told.index(screen.id) != number and len(told) == len(lesson.screens):
            reader.problem(FILE, tr('the screen "{id}" stands in another place', id=screen.id))
    for ident in told:
        if ident not in {screen.id for screen in lesson.screens}:
            reader.problem(day.lesson[spoken].name, tr('no screen "{id}", which {file} has', id=ident, file=FILE))
    beside = {screen.id: screen for screen in about}
    screens = tuple(_joined(screen, beside.get(screen.id)) for screen in lesson.screens)
    for screen in screens:
        for missing in sorted({figure.of for figure in screen.figures} ^ set(screen.measures)):
            reader.problem(screen.id, tr("{measure} must stand in the text and in {file}", measure=missing, file=FILE))
    if reader.problems:
        raise InvalidLesson(day.folder, reader.problems)
    return replace(lesson, screens=screens)


def _taught() -> list[str]:
    return [name for name in days.names() if days.find(name).lesson]


def _joined(text: Screen, about: Screen | None) -> Screen:
    return replace(about, heading=text.heading, blocks=text.blocks) if about else text


def _about(reader: Reader, folder: Path) -> tuple[Screen, ...]:
    """What `lesson.toml` says of each screen, still without its text."""
    try:
        data = parse(folder / FILE)
    except Unreadable as error:
        reader.problem("", str(error))
        return ()
    except OSError as error:
        reader.problem(FILE, error.strerror or str(error))
        return ()
    reader.known(FILE, data, TOP)
    if (version := reader.need(FILE, data, "format", int)) != FORMAT:
        reader.problem(f"{FILE} format", f"{version} is unknown; this lab reads {FORMAT}")
    return tuple(_one(reader, f"{FILE} screen {number}", table) for number, table in reader.rows(FILE, data, "screen"))


def _one(reader: Reader, place: str, table: Table) -> Screen:
    reader.known(place, table, SCREEN)
    measures = reader.words(place, table, "measures")
    for measure in measures:
        if not _MEASURE.fullmatch(measure):
            reader.problem(f"{place} measures", tr("{measure!r} is no day.scenario.measure", measure=measure))
    sources = []
    for number, row in reader.rows(place, table, "source"):
        where = f"{place} source {number}"
        reader.known(where, row, ("title", "url"))
        sources.append(Source(reader.need(where, row, "title", str), reader.need(where, row, "url", str)))
    return Screen(
        id=reader.need(place, table, "id", str),
        heading="",
        blocks=(),
        exercises=reader.words(place, table, "exercises"),
        terms=reader.words(place, table, "terms"),
        measures=measures,
        sources=tuple(sources),
    )


def _text(reader: Reader, day: str, spoken: str, path: Path) -> Lesson:
    """The lesson's words, its screens still without what `lesson.toml` says of them."""
    title, introduction = "", ""
    screens: list[Screen] = []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reader.problem(path.name, str(error))
        text = ""
    for start, heading, lines in _sections(text):
        place = tr("{file} line {line}", file=path.name, line=start)
        blocks = tuple(_blocks(reader, path.name, lines, start + 1))
        if not heading:
            continue
        if heading.startswith("# "):
            title, introduction = heading[2:].strip(), "\n".join(lines).strip()
        elif found := _HEADING.fullmatch(heading):
            if any(screen.id == found["id"] for screen in screens):
                reader.problem(place, tr('another screen is called "{id}", too', id=found["id"]))
            screens.append(Screen(id=found["id"], heading=found["says"], blocks=blocks))
        else:
            reader.problem(place, tr("a heading needs its id: {example}", example="## claim {#id}"))
    if not title:
        reader.problem(tr("{file} line {line}", file=path.name, line=1), tr("no title: # day: topic"))
    return Lesson(day=day, language=spoken, title=title, introduction=introduction, screens=tuple(screens))


def _sections(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Each heading of the first or second level, with the number of its line and the lines below it."""
    start, heading, below, fenced = 0, "", list[str](), False
    for number, line in enumerate(text.splitlines(), 1):
        if not fenced and line.startswith(("# ", "## ")):
            yield start, heading, below
            start, heading, below = number, line.rstrip(), []
            continue
        fenced ^= line.startswith("```")
        below.append(line)
    yield start, heading, below


def _blocks(reader: Reader, file: str, lines: list[str], first: int) -> Iterator[Block]:
    """The lines of a section in blocks, without empty ones."""
    kept: list[str] = []
    begun, opened = first, ""
    for number, line in enumerate([*lines, ""], first):
        last = number == first + len(lines)
        fence = _FENCE.fullmatch(line)
        if not (fence or last):
            kept.append(line)
            continue
        if last and opened:
            reader.problem(tr("{file} line {line}", file=file, line=begun), tr("this block has no end"))
        if block := _block(kept, opened, begun):
            _check(reader, file, block)
            yield block
        opened = (fence["info"] or "text") if fence and not opened else ""
        kept, begun = [], number + (0 if opened else 1)


def _block(lines: list[str], opened: str, line: int) -> Block | None:
    text = "\n".join(lines).rstrip() if opened else "\n".join(lines).strip("\n").rstrip()
    if not text.strip():
        return None
    if opened == "picture":
        return Block(kind="picture", text=text, line=line)
    if opened == "demo":
        return Block(kind="demo", text=text.strip(), line=line)
    return (
        Block(kind="code", text=text, language=opened, line=line)
        if opened
        else Block(kind="prose", text=text, line=line)
    )


def _check(reader: Reader, file: str, block: Block) -> None:
    """What can be wrong in a block by itself."""
    place = tr("{file} line {line}", file=file, line=block.line)
    if block.kind == "demo" and ("\n" in block.text or not block.text.startswith("lab ")):
        reader.problem(place, tr("a demo is one lab command"))
    if block.kind != "prose":
        return
    if "{{" in _FIGURE.sub("", block.text):
        reader.problem(
            place, tr("{example} is how a figure is written", example="{{measure: day5.outage.spared | 19}}")
        )
    for figure in block.figures:
        if not _MEASURE.fullmatch(figure.of):
            reader.problem(place, tr("{measure!r} is no day.scenario.measure", measure=figure.of))
    for target in block.links:
        if not _TARGET.fullmatch(target):
            reader.problem(place, tr("{target!r} leads nowhere", target=target))
