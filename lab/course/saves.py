"""When the learner saves something: yields at once and after every save, whatever becomes of the folders meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from watchfiles import watch

from lab.course.records import NOT_WRITTEN

DEBOUNCE = 400
"""Milliseconds of quiet after a save, so that an editor that writes several files is graded once."""
WAKE = 200
"""Milliseconds after which the wait looks up: Ctrl-C is heard, and folders that were replaced are found."""


def saves(folders: Sequence[Path], polls: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Yields at once, then after every save; what is saved while the caller is busy is not missed.

    A folder that was replaced (by a reset, a checkout, a stash) is watched again. Where the system has no watch left
    the files are looked at again and again instead, which `polls` is told.
    """
    polling, first = False, True
    while True:
        known = {folder: _identity(folder) for folder in folders}
        present = [folder for folder, identity in known.items() if identity]
        try:
            # Without any folder the wait is for one to come back.
            for changed in watch(
                *(present or [_above(folders[0])]),
                watch_filter=_written,
                debounce=DEBOUNCE,
                rust_timeout=WAKE,
                yield_on_timeout=True,
                force_polling=polling,
                recursive=bool(present),
            ):
                replaced = any(_identity(folder) != identity for folder, identity in known.items())
                if replaced:
                    first = True  # as soon as the new one is watched
                    break
                if first or changed:
                    first = False
                    yield
        except OSError:
            if polling:
                raise
            polling = True
            polls()


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _above(folder: Path) -> Path:
    return next(path for path in folder.parents if path.is_dir())


def _written(_: object, path: str) -> bool:
    return not NOT_WRITTEN.intersection(Path(path).parts)
