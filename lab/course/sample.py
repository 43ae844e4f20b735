"""Which gradings a change calls for: those of the exercises that it touched, and a seeded sample of all others.

The gate over every exercise takes longer than a change should wait for. What a change can break is its own exercise,
or the ground that all of them stand on; there a sample that differs from change to change finds it soon enough.
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
"""What every grading stands on, but for what is above it."""
QUIET = 4
"""Of a change that no grading can notice, only one part in so many of the sample is graded."""


class UnknownRevision(Exception):
    """Git cannot say what has changed since then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What has changed in a checkout since some commit. `files` are relative to its top folder."""

    top: Path
    files: frozenset[Path]

    @property
    def ground(self) -> bool:
        """Whether it reaches what every grading stands on."""
        names = [path.as_posix() for path in self.files]
        return any(name.startswith(GROUND) and not name.startswith(ABOVE) for name in names)

    def touches(self, exercise: Exercise) -> bool:
        """Whether it reaches the exercise's folder, but for its texts, or a file that a link in there leads to."""
        folder = self.top / EXERCISES / exercise.folder.parent.name / exercise.folder.name
        shared = {path.resolve() for path in folder.rglob("*") if path.is_symlink()}
        changed = [(self.top / path).resolve() for path in self.files if path.suffix != ".md"]
        return any(path in shared or path.is_relative_to(folder.resolve()) for path in changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The gradings that were chosen, of how many, and how many of them are of touched exercises."""

    planned: tuple[Planned, ...]
    touched: int
    possible: int


def since(revision: str, folder: Path) -> Change:
    """What has changed in the checkout around `folder` since the commit, committed or not. Raises UnknownRevision."""
    top = Path(_git(folder, "rev-parse", "--show-toplevel").strip())
    commit = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip()
    tracked = _git(top, "diff", "--name-only", "--no-renames", "-z", commit)
    new = _git(top, "ls-files", "--others", "--exclude-standard", "-z")
    return Change(top=top, files=frozenset(Path(name) for name in f"{tracked}{new}".split("\0") if name))


def sample(planned: Sequence[Planned], change: Change | None, *, most: int | None, seed: int) -> Sample:
    """Of the planned gradings at most so many, those of touched exercises first; without `most` only those.

    Where even these are too many, their starters and solutions go before their wrong services. Without a change
    everything may have been touched.
    """
    chance = random.Random(seed)
    idents = {one[0].id: one[0] for one in planned} if change else {}
    touched = {ident for ident, exercise in idents.items() if change and change.touches(exercise)}
    first = [one for one in planned if one[0].id in touched]
    rest = [one for one in planned if one[0].id not in touched]
    chance.shuffle(first)
    first.sort(key=lambda one: one[1].kind == "wrong")
    first = first[:most]
    room = most - len(first) if most is not None else 0
    if most is not None and change and not change.ground:
        room = min(room, most // QUIET)
    chosen = {id(one) for one in (*first, *chance.sample(rest, min(len(rest), room)))}
    return Sample(planned=tuple(one for one in planned if id(one) in chosen), touched=len(first), possible=len(planned))


def _git(folder: Path, *words: str) -> str:
    try:
        ran = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise UnknownRevision(f"git cannot be run: {error.strerror}") from None
    if ran.returncode:
        raise UnknownRevision(ran.stderr.strip() or f"git does not know {words[-1].removesuffix('^{commit}')}")
    return ran.stdout
