"""A day of the course as plain frozen data: the systems it shows, and what it says about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.course.setting import Setting
from lab.grading.model import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day. `settings` are what its system may be made with, by name. `panels` are those of its dashboard, in order
    (none: the system's own).

    `scenarios` is the folder of its scenarios, `lesson` the file of its lesson by language, `quiz` and `kata` the
    files of these; each where there is one.
    """

    name: str
    package: str
    folder: Path
    title: Text
    about: Text
    settings: Mapping[str, Setting]
    first: str = ""
    """The scenario that a run without a screen plays if none is named ("": the system goes on for a while)."""
    panels: tuple[str, ...] = ()
    scenarios: Path | None = None
    lesson: Mapping[str, Path]
    quiz: Path | None = None
    kata: Path | None = None
