"""The programs that an exercise stores: starter, solution (each in some languages), wrong services and right ones.

They are stored in layers: `starter/` is whole, `solution/` holds only the files that differ from the starter's or are
new, and a wrong service is a patch of the solution. A right service owes nothing to ours and is whole. They run
in a temporary copy, so that builds and runs write nothing beside them.
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
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from lab.course.assignment import PYTHON as PYTHONS
from lab.course.assignment import Source, run_by
from lab.course.exercise import Command, Exercise, RightService
from lab.grading import go_sources, node_packages

PYTHON = "python"
Kind = Literal["starter", "solution", "wrong", "right"]
REMOVED = "REMOVED"
"""A file in `solution/` that lists, one path per line, the starter's files that the solution does not have."""
NOT_COPIED = shutil.ignore_patterns("__pycache__", ".*_cache", ".venv", "node_modules", "bin")


class Unusable(Exception):
    """The program cannot be laid out: a layer does not fit the one below it, or a tool is missing."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One stored program. People call it by `name`: `starter`, `solution.go`, `wrong/no-lock`, `right/flask`.

    Of wrong and right services there are several, so `which` is its own name; only starters and solutions have a
    `language`.
    """

    kind: Kind
    language: str = PYTHON
    which: str = ""

    @property
    def name(self) -> str:
        if self.which:
            return f"{self.kind}/{self.which}"
        return self.kind if self.language == PYTHON else f"{self.kind}.{self.language}"

    @property
    def layers(self) -> tuple[Variant, ...]:
        """The layers from the bottom up; each is the exercise's folder of the same name."""
        if self.kind == "right":
            return (self,)
        starter, solution = Variant("starter", self.language), Variant("solution", self.language)
        return (starter,) if self.kind == "starter" else (starter, solution)


def variants(exercise: Exercise) -> list[Variant]:
    """Every program that the exercise stores: starters, then solutions, then right and wrong services."""
    found = []
    for kind in ("starter", "solution"):
        languages = [PYTHON, *(name for name in exercise.run if name != PYTHON)]
        found += [Variant(kind, language) for language in languages if stored(exercise, Variant(kind, language))]
    right = [Variant("right", which=one.name) for one in exercise.right]
    return [*found, *right, *(Variant("wrong", which=one.name) for one in exercise.wrong)]


def missing_tool(exercise: Exercise, variant: Variant) -> str:
    """The program or package that building or running the variant needs and this machine lacks, or nothing."""
    command = _command(exercise, variant)
    for line in (command.build, command.run):
        words = shlex.split(line)
        if words and words[0] not in PYTHONS and "/" not in words[0] and not shutil.which(words[0]):
            return words[0]
    packages = _right(exercise, variant).packages if variant.kind == "right" else ()
    if lacking := next((package for package in packages if not find_spec(package)), ""):
        return lacking
    folders = [exercise.folder / layer.name / service.name for layer in variant.layers for service in exercise.programs]
    needs = (missing(folder) for folder in folders for missing in (go_sources.missing, node_packages.missing))
    return next(filter(None, needs), "")


def _command(exercise: Exercise, variant: Variant) -> Command:
    return _right(exercise, variant).command if variant.kind == "right" else exercise.run[variant.language]


def _right(exercise: Exercise, variant: Variant) -> RightService:
    return next(one for one in exercise.right if one.name == variant.which)


def stored(exercise: Exercise, variant: Variant) -> bool:
    """Whether the exercise has this starter or solution."""
    return (exercise.folder / variant.name).is_dir()


@contextmanager
def prepared(exercise: Exercise, variant: Variant) -> Iterator[dict[str, Source]]:
    """The variant's services in a temporary copy. Raises Unusable."""
    with tempfile.TemporaryDirectory(prefix="lab-exercise-") as scratch:
        copy = Path(scratch).resolve() / "services"
        lay_out(exercise, variant, copy)
        yield sources(exercise, variant, copy)


def sources(exercise: Exercise, variant: Variant, folder: Path) -> dict[str, Source]:
    """The variant's services where `lay_out` has put them."""
    return run_by(_command(exercise, variant), exercise, folder)


def lay_out(exercise: Exercise, variant: Variant, folder: Path) -> None:
    """Make `folder` and put the whole program into it, one folder per program. Raises Unusable, OSError."""
    folder.mkdir()
    for layer in variant.layers:
        if stored(exercise, layer):
            _lay(exercise.folder / layer.name, folder)
    if variant.kind == "wrong" and (patch := exercise.folder / "wrong" / variant.which / "change.patch").exists():
        _apply(patch, folder)


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
