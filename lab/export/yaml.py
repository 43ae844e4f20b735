"""Plain data written as YAML, the way a person would write it; only what is needed for that."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

PLAIN = re.compile(
    r"(?:\./|[A-Za-z_/])[\w./+@-]*(?::[\w./+@-]+)*(?: [\w./+-]+)*|\d+(?:s|m|M|Mi|Gi)|\d+(?:\.\d+){3}", re.ASCII
)
"""A text that is read as itself without quotes, unless it is one of these words."""
WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null", "none", ".inf", ".nan"})
FLAT = 72
"""Characters to which a list of texts is written on one line."""


def document(data: Mapping[str, Any], notes: Mapping[str, str] | None = None) -> str:
    """The data as a document. `notes` are comments by key: each stands where its key comes first."""
    told = dict(notes or {})
    return "\n".join(_mapping(data, "", told)) + "\n"


def _mapping(data: Mapping[str, Any], indent: str, notes: dict[str, str]) -> Iterator[str]:
    for key, value in data.items():
        if note := notes.pop(key, ""):
            yield from (f"{indent}# {line}" for line in note.splitlines())
        yield from _entry(f"{indent}{_text(str(key))}:", value, indent, notes)


def _entry(head: str, value: Any, indent: str, notes: dict[str, str]) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        yield head
        yield from _mapping(value, indent + "  ", notes)
    elif _is_list(value) and value and not _fits(value):
        yield head
        yield from _items(value, indent + "  ", notes)
    elif isinstance(value, str) and _reads_as_lines(value):
        yield f"{head} {'|' if value.endswith(chr(10)) else '|-'}"
        yield from (f"{indent}  {line}".rstrip() for line in value.removesuffix("\n").split("\n"))
    else:
        yield f"{head} {_scalar(value)}"


def _items(values: Sequence[Any], indent: str, notes: dict[str, str]) -> Iterator[str]:
    for value in values:
        if isinstance(value, Mapping) and value:
            first, *rest = _mapping(value, indent + "  ", notes)
            while first.lstrip().startswith("#"):
                yield first
                first, *rest = rest
            yield f"{indent}- {first.lstrip()}"
            yield from rest
        else:
            yield from _entry(f"{indent}-", value, indent, notes)


def _reads_as_lines(text: str) -> bool:
    """Whether it can stand there line by line: nothing in it is lost in the margin."""
    first, *lines = text.removesuffix("\n").split("\n")
    seen = all(line == line.rstrip() and line.replace("\t", "").isprintable() for line in (first, *lines))
    return bool(lines) and bool(lines[-1]) and seen and first == first.lstrip() != ""


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _fits(values: Sequence[Any]) -> bool:
    flat = all(isinstance(value, str | int | float) and "\n" not in str(value) for value in values)
    return flat and sum(len(str(value)) + 4 for value in values) <= FLAT


def _scalar(value: Any) -> str:
    if _is_list(value):
        return f"[{', '.join(map(_scalar, value))}]"
    if isinstance(value, str):
        return _text(value)
    return "{}" if isinstance(value, Mapping) else json.dumps(value)


def _text(text: str) -> str:
    if PLAIN.fullmatch(text) and text.lower() not in WORDS and not text.endswith("."):
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())
