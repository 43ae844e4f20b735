"""Lays the skeleton of a new exercise: what the gate asks for is there or named, and nothing of it is honest yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lab.course.manifest import ID

SKELETON = Path(__file__).parent / "templates" / "exercise"
TODO = "TODO"
"""Stands wherever the author has to write; lint finds it in texts and checks."""


class NoNewExercise(Exception):
    """Its id or a name is not one, or something stands at its place."""


def begin(root: Path, ident: str, slug: str, service: str) -> list[Path]:
    """Make `root/dayN/slug/` from the skeleton; the files made. Raises NoNewExercise, OSError."""
    if not ID.fullmatch(ident):
        raise NoNewExercise(f'"{ident}" is not like day5.20')
    for name in (slug, service):
        if not name.isidentifier() or name != name.lower():
            raise NoNewExercise(f'"{name}" is no name for a Python package: use small letters, digits and _')
    folder = root / ident.partition(".")[0] / slug
    if folder.exists():
        raise NoNewExercise(f"{folder} is already there")
    return list(_laid(folder, {"EXERCISE_ID": ident, "EXERCISE_NUMBER": ident.removeprefix("day"), "SERVICE": service}))


def _laid(folder: Path, words: dict[str, str]) -> Iterator[Path]:
    for source in sorted(path for path in SKELETON.rglob("*") if path.is_file() and path.suffix != ".pyc"):
        path = folder / _told(source.relative_to(SKELETON).as_posix(), words)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_told(source.read_text(encoding="utf-8"), words), encoding="utf-8")
        yield path


def _told(text: str, words: dict[str, str]) -> str:
    for placeholder, word in words.items():
        text = text.replace(placeholder, word)
    return text
