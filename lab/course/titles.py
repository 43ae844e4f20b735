"""Where exercises are, and their ids and titles, quickly: for a list, nothing of them needs to be understood but names.

Beside the lab's own there are packs. A pack is a folder with `dayN/<slug>/exercise.toml` in it: one that the variable
`LAB_EXERCISES` names, or a Python package with an entry point of the group `lab.exercises`, whose value is the module
that lies in that folder.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import lab
from lab.locale import tr
from lab.system.refusal import Refusal

ROOT = Path(lab.__file__).parent / "exercises"
FILE = "exercise.toml"
VARIABLE = "LAB_EXERCISES"
"""Folders of packs, separated like those of PATH."""
GROUP = "lab.exercises"


class NoPack(Refusal):
    """What is said to be a pack of exercises is not there."""


def roots() -> list[Path]:
    """The lab's own exercises, then the packs. Raises NoPack."""
    return list(dict.fromkeys([ROOT, *_installed(), *_named()]))


def folders(root: Path | None = None) -> list[Path]:
    """Every exercise's folder, of `root` alone if it is given. Raises NoPack."""
    return [path.parent for each in ([root] if root else roots()) for path in sorted(each.glob(f"day*/*/{FILE}"))]


def titles(language: str = "en") -> Iterator[tuple[str, str]]:
    """`("day5.3", "Circuit breaker")` and so on, in no order that matters; what cannot be read is left out.

    Raises NoPack.
    """
    for folder in folders():
        try:
            data = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
            yield str(data["id"]), str(data["title"][language])
        except (OSError, ValueError, KeyError, TypeError):
            continue


def _installed() -> Iterator[Path]:
    for entry in entry_points(group=GROUP):
        try:
            spec = find_spec(entry.module)
        except (ImportError, ValueError):
            spec = None
        if not spec or not spec.submodule_search_locations:
            raise NoPack(
                tr("the pack of exercises {name} is not there", name=entry.name),
                tr("Its entry point names {module}, which is no package.", module=entry.value),
            )
        yield from map(Path, spec.submodule_search_locations)


def _named() -> Iterator[Path]:
    for text in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        folder = Path(text).expanduser().absolute()
        if not folder.is_dir():
            raise NoPack(
                tr("the pack of exercises {name} is not there", name=text),
                tr("{variable} names it, and it is no folder.", variable=VARIABLE),
            )
        yield folder
