"""`lab.toml`, the learner's own file: what their services are and how they are started.

    format = 1
    language = "python"
    texts = "en"

    ["day5.3".gateway]
    dir = "day5/5.3-circuit-breaker/gateway"
    build = "go build -o bin/gateway ."     # optional, run once per grading
    run = "./bin/gateway"

It is theirs: it is only ever added to, so that their comments stay.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.locale import LANGUAGES, mark, tr
from lab.system.refusal import Refusal
from lab.system.tables import Reader, Table, Unreadable, parse

NAME = "lab.toml"
FORMAT = 1
TOP = ("format", "language", "texts")
ENTRY = ("dir", "build", "run")
EXERCISE = re.compile(r"day\d+\.\d+")

BEGINNING = mark("""\
# Your workspace for the lab's exercises. `lab start` adds your services below; change how they are built and run as
# you like: any language will do.
format = 1
language = {language}{padding}# of the starter code: python, go or node; any other starts with an empty folder
texts = {texts}{more}# of the lab: en or uz
""")


class InvalidLabToml(Refusal):
    """The file is wrong. `problems` holds one sentence each, beginning with the line."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(tr("lab.toml has mistakes"), "\n".join(self.problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One service of the learner's: its folder (as written, relative to the file) and commands."""

    dir: str
    run: str
    build: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabToml:
    """The whole file. `services` are entries by service, by exercise."""

    language: str = "python"
    texts: str = "en"
    services: Mapping[str, Mapping[str, Entry]] = field(default_factory=dict)


def read(path: Path) -> LabToml:
    """What the file says. Raises InvalidLabToml with the lines that are wrong, OSError if it cannot be read."""
    try:
        data = parse(path)
    except Unreadable as error:
        raise InvalidLabToml([str(error)]) from None
    reader = _Lines(path.read_text(encoding="utf-8"))
    if (version := reader.need("", data, "format", int)) != FORMAT and "format" in data:
        reader.problem("format", tr("{version} is unknown; this lab reads {format}", version=version, format=FORMAT))
    if (texts := reader.get("", data, "texts", str, "en")) not in LANGUAGES:
        reader.problem("texts", tr('"{texts}" is none of {languages}', texts=texts, languages=", ".join(LANGUAGES)))
    found = LabToml(
        language=reader.get("", data, "language", str, "python"),
        texts=texts,
        services=_services(reader, data),
    )
    if reader.problems:
        raise InvalidLabToml([f"{NAME}: {problem}" for problem in reader.problems])
    return found


def beginning(language: str, texts: str) -> str:
    """The text of a new file."""
    first, second = json.dumps(language), json.dumps(texts)
    return tr(
        BEGINNING,
        language=first,
        padding=" " * max(2, 10 - len(first)),
        texts=second,
        more=" " * max(2, 13 - len(second)),
    )


def table(exercise: str, service: str, entry: Entry) -> str:
    """The entry as it stands in the file."""
    lines = [_header(exercise, service), f"dir = {json.dumps(entry.dir, ensure_ascii=False)}"]
    if entry.build:
        lines.append(f"build = {json.dumps(entry.build, ensure_ascii=False)}")
    lines.append(f"run = {json.dumps(entry.run, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def with_table(text: str, exercise: str, service: str, entry: Entry) -> str:
    """The file's text with the entry at its end, in place of an earlier one; all else stays as it is."""
    lines = text.splitlines()
    start = header_line(text, exercise, service)
    if start is not None:
        end = next((at for at in range(start + 1, len(lines)) if lines[at].lstrip().startswith("[")), len(lines))
        while not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#"):
            end -= 1  # what is said above the next table belongs to that one
        del lines[start:end]
    before = "\n".join(lines).rstrip()
    return f"{before}\n\n{table(exercise, service, entry)}" if before else table(exercise, service, entry)


def header_line(text: str, exercise: str, service: str = "") -> int | None:
    """The index of the line with the table's header, or of the exercise's first one."""
    name = re.escape(service) if service else r"[\w-]+"
    pattern = re.compile(rf"""\s*\[\s*["']{re.escape(exercise)}["']\s*\.\s*["']?{name}["']?\s*\]""")
    return next((at for at, line in enumerate(text.splitlines()) if pattern.match(line)), None)


def _header(exercise: str, service: str) -> str:
    return f"[{json.dumps(exercise)}.{service}]"


class _Lines(Reader):
    """Says the line of each problem, as far as the place tells it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def problem(self, place: str, what: str) -> None:
        if self.full:
            return
        number = self._line(place)
        super().problem("", f"{tr('line {number}: ', number=number) if number else ''}{place.strip()}: {what}")

    def _line(self, place: str) -> int | None:
        lines = self._text.splitlines()
        if not (match := re.match(r'\["([^"]+)"(?:\.([\w-]+))?\] ?(\w*)', place)):
            key = place.strip()
            return next((at for at, line in enumerate(lines, 1) if re.match(rf"\s*{re.escape(key)}\s*=", line)), None)
        exercise, service, key = match[1], match[2] or "", match[3]
        start = header_line(self._text, exercise, service)
        if start is None:
            return None
        for at in range(start + 1, len(lines)):
            if lines[at].lstrip().startswith("["):
                break
            if key and re.match(rf"\s*{key}\s*=", lines[at]):
                return at + 1
        return start + 1


def _services(reader: Reader, data: Table) -> dict[str, dict[str, Entry]]:
    found: dict[str, dict[str, Entry]] = {}
    for ident, tables in data.items():
        if ident in TOP:
            continue
        if not EXERCISE.fullmatch(ident):
            hint = tr('; write an exercise in quotes: ["day5.3".gateway]') if ident.startswith("day") else ""
            reader.problem(ident, tr("no such key{hint}", hint=hint))
        elif isinstance(tables, dict):
            found[ident] = {
                service: _entry(reader, f'["{ident}".{service}]', entry)
                for service, entry in tables.items()
                if _is_table(reader, f'["{ident}".{service}]', entry)
            }
        else:
            reader.problem(ident, tr('expected tables of services, ["{ident}".NAME]', ident=ident))
    return found


def _is_table(reader: Reader, place: str, value: object) -> bool:
    if not isinstance(value, dict):
        reader.problem(place, tr("expected a table with dir and run"))
    return isinstance(value, dict)


def _entry(reader: Reader, place: str, entry: Table) -> Entry:
    reader.known(place, entry, ENTRY)
    run, build = reader.need(place, entry, "run", str), reader.get(place, entry, "build", str, "")
    try:
        if run and not shlex.split(run):
            reader.problem(f"{place} run", tr("says nothing"))
    except ValueError as error:
        reader.problem(f"{place} run", tr("{run!r} is no command: {problem}", run=run, problem=str(error).lower()))
    return Entry(dir=reader.need(place, entry, "dir", str), run=run, build=build)
