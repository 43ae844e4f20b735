"""The programs that an exercise stores: starter, solution (each in some languages) and wrong services.

They are stored in layers: `starter/` is whole, `solution/` holds only the files that differ from the starter's or are
new, and a wrong service is a patch of the solution. They run in a temporary copy, so that builds and runs write nothing
beside them.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lab.course.assignment import Source, sources
from lab.course.exercise import Exercise

PYTHON = "python"
Kind = Literal["starter", "solution", "wrong"]
REMOVED = "REMOVED"
"""A file in `solution/` that lists, one path per line, the starter's files that the solution does not have."""
NOT_COPIED = shutil.ignore_patterns("__pycache__", ".*_cache", ".venv", "node_modules", "bin")


class Unusable(Exception):
    """The program cannot be laid out: a layer does not fit the one below it, or a tool is missing."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One stored program. People call it by `name`: `starter`, `solution.go`, `wrong/no-lock`."""

    kind: Kind
    language: str = PYTHON
    wrong: str = ""

    @property
    def name(self) -> str:
        if self.kind == "wrong":
            return f"wrong/{self.wrong}"
        return self.kind if self.language == PYTHON else f"{self.kind}.{self.language}"

    @property
    def layers(self) -> tuple[Variant, ...]:
        """The layers from the bottom up; each is the exercise's folder of the same name."""
        starter, solution = Variant("starter", self.language), Variant("solution", self.language)
        return (starter,) if self.kind == "starter" else (starter, solution)


def variants(exercise: Exercise) -> list[Variant]:
    """Every program that the exercise stores: starters, then solutions, then wrong services."""
    found = []
    for kind in ("starter", "solution"):
        languages = [PYTHON, *(name for name in exercise.run if name != PYTHON)]
        found += [Variant(kind, language) for language in languages if stored(exercise, Variant(kind, language))]
    return [*found, *(Variant("wrong", wrong=wrong.name) for wrong in exercise.wrong)]


def missing_tool(exercise: Exercise, variant: Variant) -> str:
    """The program that building or running the variant needs and this machine lacks, or nothing."""
    if variant.language == PYTHON:
        return ""
    command = exercise.run[variant.language]
    for line in (command.build, command.run):
        words = shlex.split(line)
        if words and "/" not in words[0] and not shutil.which(words[0]):
            return words[0]
    return ""


def stored(exercise: Exercise, variant: Variant) -> bool:
    """Whether the exercise has this starter or solution."""
    return (exercise.folder / variant.name).is_dir()


@contextmanager
def prepared(exercise: Exercise, variant: Variant) -> Iterator[dict[str, Source]]:
    """The variant's services in a temporary copy. Raises Unusable."""
    with tempfile.TemporaryDirectory(prefix="lab-exercise-") as scratch:
        copy = Path(scratch).resolve() / "services"
        lay_out(exercise, variant, copy)
        yield sources(exercise, copy, variant.language)


def lay_out(exercise: Exercise, variant: Variant, folder: Path) -> None:
    """Make `folder` and put the whole program into it, one folder per service. Raises Unusable, OSError."""
    folder.mkdir()
    for layer in variant.layers:
        if stored(exercise, layer):
            _lay(exercise.folder / layer.name, folder)
    if variant.kind == "wrong":
        _apply(exercise.folder / "wrong" / variant.wrong / "change.patch", folder)


def removed(layer: Path) -> list[str]:
    """The files of the layer below that this layer takes away. Raises OSError."""
    listed = layer / REMOVED
    return listed.read_text(encoding="utf-8").splitlines() if listed.is_file() else []


def _lay(layer: Path, folder: Path) -> None:
    for path in removed(layer):
        try:
            (folder / path).unlink()
        except OSError as error:
            raise Unusable(f"{layer.name}/{REMOVED} names {path}: {error.strerror}") from None
    shutil.copytree(layer, folder, ignore=NOT_COPIED, dirs_exist_ok=True)
    (folder / REMOVED).unlink(missing_ok=True)


def _apply(patch: Path, copy: Path) -> None:
    ran = git("apply", "--whitespace=nowarn", "-p1", str(patch.absolute()), cwd=copy)
    if ran.returncode:
        raise Unusable(f"{patch.name} does not apply to the solution: {ran.stderr.strip()}")


def git(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run git in a folder that belongs to nobody's repository. Raises Unusable where there is no git."""
    if not shutil.which("git"):
        raise Unusable("a wrong service's patch needs git, which is not installed")
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["git", *words],
        cwd=cwd,
        # Inside somebody's repository git would take the paths from its top and skip what lies outside.
        env={**env, "GIT_CEILING_DIRECTORIES": str(cwd.parent), "GIT_CONFIG_GLOBAL": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
