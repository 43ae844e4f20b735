"""Two states of some text files as one unified diff."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path

from lab.course.records import written

Files = Mapping[str, list[str]]
"""The lines of text files, by path."""


def read(folder: Path) -> dict[str, list[str]]:
    """The text files in the folder that somebody wrote."""
    found = {}
    for path in written(folder):
        try:
            found[path.relative_to(folder).as_posix()] = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
    return found


def unified(before: Files, after: Files, old: str, new: str) -> Iterator[str]:
    """The diff line by line, nothing where they are the same. `old` and `new` are what their folders are called."""
    for path in sorted({*before, *after}):
        if before.get(path) != after.get(path):
            yield from difflib.unified_diff(
                before.get(path, []),
                after.get(path, []),
                f"{old}/{path}" if path in before else "/dev/null",
                f"{new}/{path}" if path in after else "/dev/null",
                lineterm="",
            )
