"""The words of an exercise: its brief and its hints, as Markdown files in each language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

STEPS = 3
"""Hints on a topic: a question, where to look, nearly the code. Each is opened after the one before."""
PARTS = 4
"""Sections of a brief: the story, explanation, what will be tested, notes."""
_HEADING = re.compile(r"^##\s+(.+?)\s*$", re.MULTILINE)
_ITEM = re.compile(r"^\d+\.\s+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Topic:
    """Help with some behaviours, by their ids, in steps."""

    behaviours: tuple[str, ...]
    steps: tuple[str, ...]


def brief(folder: Path, language: str) -> str:
    """The task as the learner reads it. Raises OSError."""
    return (folder / f"brief.{language}.md").read_text(encoding="utf-8")


def hints(folder: Path, language: str) -> tuple[Topic, ...]:
    """The topics in their order. Raises OSError."""
    return parse_hints((folder / f"hints.{language}.md").read_text(encoding="utf-8"))


def parse_hints(text: str) -> tuple[Topic, ...]:
    """Every `## C1, C4` with the numbered list below it."""
    pieces = _HEADING.split(text)
    return tuple(
        Topic(tuple(name.strip() for name in heading.split(",")), tuple(map(str.strip, _ITEM.split(below)[1:])))
        for heading, below in zip(pieces[1::2], pieces[2::2], strict=True)
    )


def sections(text: str) -> tuple[str, ...]:
    """The headings of the second level."""
    return tuple(_HEADING.findall(text))


def demands(brief: str) -> str:
    """The sections of a brief that say what to build and what is tested: those between the story and the notes."""
    pieces = _HEADING.split(brief)
    return "\n\n".join(pieces[4::2][: PARTS - 2])
