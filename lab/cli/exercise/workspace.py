"""The learner's workspace as commands find it, with words for everything that may be wrong there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cli import exits
from lab.cli.failure import Failure
from lab.cli.output import say

if TYPE_CHECKING:
    from lab.course.assignment import Source
    from lab.course.exercise import Exercise
    from lab.course.progress import Progress
    from lab.course.workspace import Workspace


def workspace() -> Workspace:
    """The one that the current folder is in. Raises Failure."""
    from lab.course.workspace import NoWorkspace, find

    try:
        with readable():
            return find(Path.cwd())
    except NoWorkspace:
        why = "There is no lab.toml in this folder, nor in one above it."
        raise Failure("this is no workspace", why=why, next="lab init ~/lab && cd ~/lab", code=exits.USAGE) from None


def language() -> str:
    """In which the learner reads: what their workspace says, English outside of one."""
    from lab.course.workspace import NoWorkspace, find

    try:
        return find(Path.cwd()).toml.texts
    except (NoWorkspace, ValueError, OSError):
        return "en"


@contextmanager
def readable() -> Iterator[None]:
    """Within it, what is wrong with the learner's files becomes a Failure."""
    from lab.course.labtoml import InvalidLabToml
    from lab.course.workspace import Refused

    try:
        yield
    except InvalidLabToml as problem:
        raise Failure("lab.toml cannot be understood", why=str(problem), code=exits.USAGE) from None
    except Refused as problem:
        raise Failure(str(problem), next=problem.next, code=exits.USAGE) from None
    except OSError as problem:
        what = f"{problem.filename}: " if problem.filename else ""
        raise Failure(f"{what}{problem.strerror or problem}", code=exits.MISSING) from None


@contextmanager
def progress(place: Workspace) -> Iterator[Progress]:
    """What the learner has done so far. Raises Failure."""
    from lab.course.progress import NewerProgress, opened

    try:
        with readable(), opened(place.own) as found:
            if found.rebuilt:
                say(f"Your progress could not be read; it was told again from your gradings.\n  kept: {found.rebuilt}")
            yield found
    except NewerProgress as problem:
        raise Failure("your progress is newer than this lab", why=str(problem), code=exits.MISSING) from None


def programs(place: Workspace, exercise: Exercise) -> dict[str, Source]:
    """The learner's services for the exercise, all of them. Raises Failure."""
    found = place.sources(exercise)
    missing = [service.name for service in exercise.services if service.name not in found]
    if missing and not place.toml.services.get(exercise.id):
        again = f"lab start {exercise.number}"
        raise Failure(f"{exercise.id} is not started here", next=again, code=exits.USAGE)
    if missing:
        entries = place.toml.services[exercise.id]
        why = "\n".join(
            f"{name}: there is no folder {place.dir(entries[name])}"
            if name in entries
            else f"{name} has no table there"
            for name in missing
        )
        raise Failure(
            f"lab.toml does not lead to {' and '.join(missing)} of {exercise.id}",
            why=why,
            next=f"lab start {exercise.number} puts there what is missing",
            code=exits.USAGE,
        )
    return found


def chosen(place: Workspace, word: str | None, *, done: bool = False) -> Exercise:
    """The exercise named; else the one of the current folder; else the next that is not finished.

    With `done` the one that was graded last comes before that. Raises Failure.
    """
    from lab.cli.exercise import exercise_names as named

    if word is not None:
        return named.one(word)
    known = named.every()
    if found := place.here(Path.cwd(), known):
        return found
    if done and (graded := _graded_last(place, known)):
        return graded
    return _unfinished(place, known)


def _graded_last(place: Workspace, known: list[Exercise]) -> Exercise | None:
    from lab.course import records

    last = records.last(place.own)
    return next((exercise for exercise in known if exercise.id == last), None)


def _unfinished(place: Workspace, known: list[Exercise]) -> Exercise:
    """The first that is begun and not passed; else the first that is not passed."""
    with progress(place) as so_far:
        waiting = [exercise for exercise in known if not so_far.standing(exercise.id).passed]
    begun = [exercise for exercise in waiting if place.sources(exercise)]
    if not waiting:
        raise Failure("you have passed every exercise; name the one you mean", next="lab status", code=exits.USAGE)
    return (begun or waiting)[0]
