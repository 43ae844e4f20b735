"""Stores an author's copy of a program in the exercise, in layers; `variants.lay_out` goes the other way."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lab.course.exercise import Exercise
from lab.course.records import written
from lab.course.variants import NOT_COPIED, REMOVED, Unusable, Variant, git, lay_out


def pack(exercise: Exercise, variant: Variant, copy: Path) -> list[Path]:
    """Store `copy` as the variant, which is no starter; return the files that changed. Raises Unusable, OSError."""
    return _patch(exercise, variant, copy) if variant.kind == "wrong" else list(_overlay(exercise, variant, copy))


def _overlay(exercise: Exercise, variant: Variant, copy: Path) -> Iterator[Path]:
    *below, layer = (exercise.folder / one.name for one in variant.layers)
    starter = {name: text for folder in below for name, text in _files(folder).items()}
    solution = _files(copy)
    wanted = {name: text for name, text in solution.items() if starter.get(name) != text}
    if gone := sorted(starter.keys() - solution.keys()):
        wanted[REMOVED] = "".join(f"{name}\n" for name in gone).encode()
    present = _files(layer)
    for name in sorted(present.keys() | wanted.keys()):
        path = layer / name
        if present.get(name) == wanted.get(name):
            continue  # a link stays a link
        path.unlink(missing_ok=True)
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wanted[name])
        yield path


def _patch(exercise: Exercise, variant: Variant, copy: Path) -> list[Path]:
    patch = exercise.folder / "wrong" / variant.which / "change.patch"
    with tempfile.TemporaryDirectory(prefix="lab-exercise-") as scratch:
        lay_out(exercise, Variant("solution"), Path(scratch) / "a")
        shutil.copytree(copy, Path(scratch) / "b", ignore=NOT_COPIED)
        ran = git("diff", "--no-index", "--no-prefix", "a", "b", cwd=Path(scratch))
    if ran.returncode > 1:  # 1 says that there is a difference
        raise Unusable(f"git cannot compare them: {ran.stderr.strip()}")
    changed = ran.stdout
    if patch.is_file() and patch.read_text(encoding="utf-8") == changed:
        return []
    patch.parent.mkdir(parents=True, exist_ok=True)
    patch.write_text(changed, encoding="utf-8")
    return [patch]


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in written(folder)}
