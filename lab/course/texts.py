"""The words of an exercise: its brief and its hints, as Markdown files in each language."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.course.contract import filled
from lab.course.exercise import Exercise

STEPS = 3
"""Hints on a topic: a question, where to look, nearly the code. Each is opened after the one before."""
PARTS = 4
"""Sections of a brief: the story, explanation, what will be tested, notes."""
TONGUES: Mapping[str, str] = {"python": "Python", "go": "Go", "node": "Node"}
"""Programming languages that a text can speak to, with their names. An item of a list that begins with `[go]` is for
those who write Go, with `[go, node]` for those who write either; one without is for all."""
_TAGGED = re.compile(r"^(\s*(?:[-*]|\d+\.)\s+)\[([\w, ]+)\]\s+(.*)$")
_HEADING = re.compile(r"^##\s+(.+?)\s*$", re.MULTILINE)
_ITEM = re.compile(r"^(\d+)\.\s+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Topic:
    """Help with some behaviours, by their ids, in steps."""

    behaviours: tuple[str, ...]
    steps: tuple[str, ...]


def brief(exercise: Exercise, language: str, tongue: str = "") -> str:
    """The task as the learner reads it, who writes in `tongue`. Raises OSError."""
    return filled(spoken_to(tongue, written(exercise.folder, "brief", language)), exercise, language)


def contract(folder: Path, language: str) -> str:
    """What every service keeps to, in all exercises of the folder. Raises OSError."""
    return written(folder, "contract", language)


def written(folder: Path, name: str, language: str) -> str:
    """A text as its author wrote it, to all. Raises OSError, UnicodeDecodeError."""
    return (folder / f"{name}.{language}.md").read_text(encoding="utf-8")


def hints(folder: Path, language: str, tongue: str = "") -> tuple[Topic, ...]:
    """The topics in their order. Raises OSError."""
    return parse_hints(spoken_to(tongue, written(folder, "hints", language)))


def spoken_to(tongue: str, text: str) -> str:
    """The text without the items that are for those who write in other programming languages.

    Who writes in one that no text speaks to reads all of them, each with its language's name.
    """
    return "".join(_heard(tongue, text.splitlines(keepends=True)))


def strangers(text: str) -> list[str]:
    """Languages that items of the text speak to and that are not known."""
    tagged = map(_TAGGED.match, text.splitlines())
    return sorted({name for found in tagged if found for name in _names(found[2])} - set(TONGUES))


def _heard(tongue: str, lines: list[str]) -> Iterator[str]:
    left_out = False
    for line in lines:
        left_out = left_out and line[:1].isspace() and bool(line.strip())  # an item goes on in indented lines
        if tagged := _TAGGED.match(line):
            mark, tag, said = tagged.groups()
            left_out = tongue in TONGUES and tongue not in _names(tag)
            to_whom = "" if tongue in TONGUES else ", ".join(TONGUES.get(name, name) for name in _names(tag)) + ": "
            line = f"{mark}{to_whom}{said}\n"
        if not left_out:
            yield line


def parse_hints(text: str) -> tuple[Topic, ...]:
    """Every `## C1, C4` with the numbered list below it; items of one number are one step."""
    pieces = _HEADING.split(text)
    return tuple(
        Topic(tuple(name.strip() for name in heading.split(",")), _steps(below))
        for heading, below in zip(pieces[1::2], pieces[2::2], strict=True)
    )


def _steps(below: str) -> tuple[str, ...]:
    pieces = _ITEM.split(below)
    found: dict[str, list[str]] = {}
    for number, said in zip(pieces[1::2], pieces[2::2], strict=True):
        found.setdefault(number, []).append(said.strip())
    return tuple(map("\n".join, found.values()))


def sections(text: str) -> tuple[str, ...]:
    """The headings of the second level."""
    return tuple(_HEADING.findall(text))


def demands(brief: str) -> str:
    """The sections of a brief that say what to build and what is tested: those between the story and the notes."""
    pieces = _HEADING.split(brief)
    return "\n\n".join(pieces[4::2][: PARTS - 2])


def _names(tag: str) -> list[str]:
    return [name.strip() for name in tag.split(",")]
