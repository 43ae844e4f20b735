"""Chooses the gradings to make after a change: those of the exercises that it touched, and a seeded sample of the rest.

The gate over every exercise takes too long for each change. A change can break the exercises that it touches, or the
ground that all exercises stand on; a sample that differs with each change finds the latter soon enough.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.course.exercise import Exercise
from lab.course.gate import Planned
from lab.course.titles import ROOT

EXERCISES = f"lab/{ROOT.name}/"
GROUND = ("lab/", "pyproject.toml")
ABOVE = ("lab/cli/", "lab/dashboard/", "lab/locale/", "lab/day", EXERCISES)
"""Every grading stands on GROUND without what is ABOVE it."""
USUAL = 25.0
"""Seconds of a usual grading's budget. One of an exercise that takes longer counts for so many."""
QUIET = 4
"""After a change that no grading can notice, the sample is smaller by this factor."""


class UnknownRevision(Exception):
    """Git does not know the revision, or there is no git."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The files of a checkout that have changed since some commit, relative to its top folder."""

    top: Path
    files: frozenset[Path]

    @property
    def ground(self) -> bool:
        """Whether the change reaches what every grading stands on."""
        names = [path.as_posix() for path in self.files]
        return any(name.startswith(GROUND) and not name.startswith(ABOVE) for name in names)

    def touches(self, exercise: Exercise) -> bool:
        """Whether the change reaches the exercise's folder, except its texts, or a file that a link in it leads to."""
        folder = self.top / EXERCISES / exercise.folder.parent.name / exercise.folder.name
        shared = {path.resolve() for path in folder.rglob("*") if path.is_symlink()}
        changed = [(self.top / path).resolve() for path in self.files if path.suffix != ".md"]
        return any(path in shared or path.is_relative_to(folder.resolve()) for path in changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The chosen gradings; `touched` of them belong to touched exercises, and `possible` could have been chosen."""

    planned: tuple[Planned, ...]
    touched: int
    possible: int


def since(revision: str, folder: Path) -> Change:
    """The change of the checkout around `folder` since a commit, committed or not. Raises UnknownRevision."""
    top = Path(_git(folder, "rev-parse", "--show-toplevel").strip())
    commit = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip()
    tracked = _git(top, "diff", "--name-only", "--no-renames", "-z", commit)
    new = _git(top, "ls-files", "--others", "--exclude-standard", "-z")
    return Change(top=top, files=frozenset(Path(name) for name in f"{tracked}{new}".split("\0") if name))


def sample(planned: Sequence[Planned], change: Change | None, *, most: int | None, seed: int) -> Sample:
    """Choose at most `most` of the planned gradings, a long one counted for several: those of touched exercises first,
    or only those without `most`.

    If even these are too many, starters, solutions and right services come before wrong ones. Without a change every
    exercise counts as the rest.
    """
    chance = random.Random(seed)
    idents = {one[0].id: one[0] for one in planned} if change else {}
    touched = {ident for ident, exercise in idents.items() if change and change.touches(exercise)}
    first = [one for one in planned if one[0].id in touched]
    rest = [one for one in planned if one[0].id not in touched]
    chance.shuffle(first)
    first.sort(key=lambda one: one[1].kind == "wrong")
    if most is None:
        rest = []
    else:
        first = _within(most, first)
        room = most - sum(map(_cost, first))
        if change and not change.ground:
            room = min(room, most // QUIET)
        chance.shuffle(rest)
        rest = _within(room, rest)
    chosen = {id(one) for one in (*first, *rest)}
    return Sample(planned=tuple(one for one in planned if id(one) in chosen), touched=len(first), possible=len(planned))


def _within(room: float, planned: Sequence[Planned]) -> list[Planned]:
    """Those for which there is room, in their order."""
    found = []
    for one in planned:
        if (cost := _cost(one)) <= room:
            found.append(one)
            room -= cost
    return found


def _cost(planned: Planned) -> float:
    return max(1.0, planned[0].budget / USUAL)


def _git(folder: Path, *words: str) -> str:
    try:
        ran = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise UnknownRevision(f"git cannot be run: {error.strerror}") from None
    if ran.returncode:
        raise UnknownRevision(ran.stderr.strip() or f"git does not know {words[-1].removesuffix('^{commit}')}")
    return ran.stdout
