"""The files of a day that people write as TOML: how they are opened, and how all that is wrong in them is told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lab.locale import tr
from lab.system.refusal import Refusal
from lab.system.tables import Reader, Table, Unreadable, parse

FORMAT = 1
_WORDS = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class InvalidContent(ValueError):
    """A day's file is wrong. `problems` holds one sentence each, beginning with the place in it."""

    def __init__(self, path: Path, problems: Sequence[str]) -> None:
        self.path = path
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{path.parent.name}/{path.name}: {problem}" for problem in problems))


class NotTaught(Refusal):
    """The day has no such file; `others` are the days that have one."""

    def __init__(self, what: str, others: Sequence[str]) -> None:
        super().__init__(what, tr("There are: {known}", known=", ".join(others)) if others else tr("There are none."))


def tables(reader: Reader, path: Path, top: Sequence[str]) -> Table:
    """What stands in the file, whose keys are those of `top`. Raises InvalidContent if it cannot be read at all."""
    try:
        data = parse(path)
    except Unreadable as error:
        raise InvalidContent(path, [error.problem]) from None
    except OSError as error:
        raise InvalidContent(path, [error.strerror or str(error)]) from None
    reader.known("", data, ("format", *top))
    if (version := reader.need("", data, "format", int)) != FORMAT:
        reader.problem("format", f"{version} is unknown; this lab reads {FORMAT}")
    return data


def ident(reader: Reader, place: str, table: Table, taken: Sequence[str]) -> str:
    """The table's id: small words with dashes between them, and none of those that are taken."""
    name = reader.need(place, table, "id", str)
    if name and not _WORDS.fullmatch(name):
        reader.problem(f"{place} id", f'"{name}" is not like shared-database')
    if name in taken:
        reader.problem(f"{place} id", f'"{name}" stands there twice')
    return name


def day_of(path: Path) -> str:
    """The day whose file it is."""
    return path.parent.name.partition("_")[0]
