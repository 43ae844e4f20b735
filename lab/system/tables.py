"""Reading a TOML file that people write: every problem is collected with its place instead of stopping at the first."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from lab.locale import LANGUAGES, tr
from lab.system.names import did_you_mean

T = TypeVar("T")
Table = Mapping[str, Any]

LARGEST = 1_000_000
"""Bytes of a file that people write, at most."""
PROBLEMS = 50
"""So many of its problems are told."""
PART = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*"""
DEEP_NAME = re.compile(rf"(?:{PART}\.[ \t]*){{64}}")
"""A name of more parts than anybody needs; Python's reader takes for ever with thousands."""
AT_LINE = re.compile(r" \(at line (\d+), column \d+\)$")


class Unreadable(ValueError):
    """The file is not TOML, or no text. The message has the file and the line, `problem` only the line."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.problem = problem


def parse(path: Path) -> dict[str, Any]:
    """The file's tables; a byte order mark before them is none of their business. Raises Unreadable, OSError."""
    with path.open("rb") as file:
        text = file.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise Unreadable(path.name, tr("it is larger than {most} MB", most=LARGEST // 1_000_000))
    try:
        return _loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise Unreadable(path.name, tr("line {line} is not UTF-8 text", line=line)) from None
    except tomllib.TOMLDecodeError as error:
        raise Unreadable(path.name, _with_line(str(error), text.decode("utf-8-sig"))) from None
    except RecursionError:
        raise Unreadable(path.name, tr("it is nested too deep")) from None
    except ValueError as error:  # a number of thousands of digits
        raise Unreadable(path.name, str(error)) from None


def _loads(text: str) -> dict[str, Any]:
    if DEEP_NAME.search(text):
        raise RecursionError
    return tomllib.loads(text)


class Reader:
    """Takes values out of tables; what is wrong goes into `problems`, each beginning with its place."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    @property
    def full(self) -> bool:
        """Whether there are enough problems: nobody reads more."""
        return len(self.problems) >= PROBLEMS

    def known(self, place: str, table: Table, keys: Iterable[str]) -> None:
        """Complain about every key that there is not."""
        keys = tuple(keys)
        for key in table:
            if key not in keys and not self.full:
                self.problem(f"{place} {key}", tr("no such key{did_you_mean}", did_you_mean=did_you_mean(key, keys)))

    def get(self, place: str, table: Table, key: str, kind: type[T], default: T) -> T:
        """The value of `key`, or `default` where it is missing or of another kind."""
        if key not in table:
            return default
        value = table[key]
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            with suppress(OverflowError):
                value = float(value)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.problem(
                f"{place} {key}", tr("expected {wanted}, got {given}", wanted=_name(kind), given=_name(type(value)))
            )
            return default
        return value

    def need(self, place: str, table: Table, key: str, kind: type[T]) -> T:
        """The same for a key that must be there; an empty value counts as missing."""
        value = self.get(place, table, key, kind, kind())
        if table.get(key, "") == "":
            self.problem(f"{place} {key}", tr("missing"))
        return value

    def words(self, place: str, table: Table, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list of strings; `default` where it is missing."""
        value = table.get(key, list(default))
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            self.problem(f"{place} {key}", tr("expected a list of strings"))
            return default
        return tuple(value)

    def numbers(self, place: str, table: Table, key: str) -> tuple[int, ...]:
        """A list of whole numbers; empty where it is missing."""
        value = table.get(key, [])
        if not isinstance(value, list) or not all(type(number) is int for number in value):
            self.problem(f"{place} {key}", tr("expected a list of whole numbers"))
            return ()
        return tuple(value)

    def text(self, place: str, table: Table, key: str = "") -> dict[str, str]:
        """The same sentence in every language, from the table `key` or from `table` itself."""
        inside = self.get(place, table, key, dict, {}) if key else table
        place = f"{place} {key}".strip()
        said = {language: inside.get(language, "") for language in LANGUAGES}
        for language, words in said.items():
            if not isinstance(words, str) or not words.strip():
                self.problem(f"{place}.{language}" if place else language, tr("missing"))
        return {language: str(words) for language, words in said.items()}

    def tables(self, data: Table, key: str) -> dict[str, Table]:
        """The named tables under `key`."""
        found = self.get("", data, key, dict, {})
        for name, table in found.items():
            if not isinstance(table, dict):
                self.problem(f"[{key}.{name}]", tr("expected a table, got {given}", given=_name(type(table))))
        return {name: table for name, table in found.items() if isinstance(table, dict)}

    def rows(self, place: str, table: Table, key: str) -> list[tuple[int, Table]]:
        """The tables of a list, `[[key]]`, each with its number from 1, as people count."""
        found = table.get(key, [])
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            self.problem(f"{place} {key}", tr("expected a list of tables, got {given}", given=_name(type(found))))
            return []
        return list(enumerate(found, 1))

    def problem(self, place: str, what: str) -> None:
        if not self.full:
            self.problems.append(f"{place.strip()}: {what}" if place.strip() else what)


def _with_line(message: str, text: str) -> str:
    """Python's `... (at line 3, column 7)` with the line first, the line itself after it."""
    if not (match := AT_LINE.search(message)):
        return message
    number = int(match[1])
    lines = text.splitlines()
    shown = f": {lines[number - 1].strip()}" if number <= len(lines) else ""
    return tr("line {number}: {problem}{shown}", number=number, problem=AT_LINE.sub("", message).lower(), shown=shown)


def _name(kind: type) -> str:
    names: dict[type, str] = {
        str: tr("a string"),
        dict: tr("a table"),
        list: tr("a list"),
        bool: tr("true or false"),
        int: tr("a whole number"),
        float: tr("a number"),
    }
    return names.get(kind, kind.__name__)
