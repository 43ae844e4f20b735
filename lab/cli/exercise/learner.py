"""The learner as commands meet them: their workspace, their progress, the exercise that they mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cli.output import say
from lab.locale import tr

if TYPE_CHECKING:
    from lab.course.exercise import Exercise
    from lab.course.progress import Progress
    from lab.course.week import Week
    from lab.course.workspace import Workspace


def workspace() -> Workspace:
    """The one that the current folder is in. Raises NoWorkspace, InvalidLabToml, OSError."""
    from lab.course.workspace import find

    return find(Path.cwd())


@contextmanager
def progress(here: Workspace) -> Iterator[Progress]:
    """What the learner has done so far. Raises NewerProgress, OSError."""
    from lab.course.progress import opened

    with opened(here.own, rebuilt) as found:
        yield found


@contextmanager
def answers() -> Iterator[Progress]:
    """What they have answered in quizzes and katas, wherever they are. Raises NewerProgress, NoHome, OSError."""
    from lab.course.progress import opened
    from lab.runtime.runs import home

    def lost(put_aside: Path) -> None:
        say(tr("Your answers could not be read, and begin anew.\n  kept: {file}", file=put_aside))

    with opened(home(), lost) as found:
        yield found


def rebuilt(put_aside: Path) -> None:
    """Say that the progress was rebuilt."""
    say(tr("Your progress could not be read; it was rebuilt from your results.\n  kept: {file}", file=put_aside))


def chosen(here: Workspace, word: str | None, *, graded: bool = False) -> Exercise:
    """The exercise named; else the one of the current folder; else the next that is not finished.

    With `graded` the one that was graded last comes before that. Raises Unknown, BrokenExercise, AllPassed.
    """
    from lab.course import catalog
    from lab.course.choice import meant

    if word is not None:
        return catalog.named(word)
    known = catalog.exercises()
    return meant(here, known, Path.cwd(), lambda: _week(here, known), graded=graded)


def _week(here: Workspace, known: list[Exercise]) -> Week:
    from lab.course.week import week

    with progress(here) as so_far:
        return week(here, known, so_far)
