"""The words of an exercise: its brief and its hints, as Markdown files in each language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

HINTS = 3
"""So many steps every exercise has, each opened after the one before."""
PARTS = 4
"""Sections of a brief: hook, explanation, what will be tested, notes."""
_HEADING = re.compile(r"^##\s+(.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Hint:
    """One step of help: the question a learner may have, and what to think about."""

    question: str
    text: str


def brief(folder: Path, language: str) -> str:
    """The task as the learner reads it. Raises OSError."""
    return (folder / f"brief.{language}.md").read_text(encoding="utf-8")


def hints(folder: Path, language: str) -> tuple[Hint, ...]:
    """The hints in their order. Raises OSError."""
    return parse_hints((folder / f"hints.{language}.md").read_text(encoding="utf-8"))


def parse_hints(text: str) -> tuple[Hint, ...]:
    """Every `## question` with what stands below it."""
    pieces = _HEADING.split(text)
    return tuple(Hint(question, below.strip()) for question, below in zip(pieces[1::2], pieces[2::2], strict=True))


def sections(text: str) -> tuple[str, ...]:
    """The headings of the second level."""
    return tuple(_HEADING.findall(text))
