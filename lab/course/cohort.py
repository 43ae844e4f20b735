"""The workspaces of many learners graded side by side, each in a copy of its own, and what comes of it as a table."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

from lab.course import labtoml, records
from lab.course.assignment import assignment
from lab.course.branches import NoBranch, asking, place, standing
from lab.course.exercise import Exercise
from lab.course.grading import Grading, NotGraded, Task
from lab.course.labtoml import InvalidLabToml
from lab.course.trials import LIMIT
from lab.course.workspace import OWN, Incomplete, NotStarted, Workspace
from lab.grading.instruments.git import Repository
from lab.grading.model import Report
from lab.locale import tr
from lab.system.refusal import NotInstalled, Refusal

DEEP = 2
"""Folders below the given one in which a workspace is looked for: `DIR/ali/` and `DIR/ali/week/`."""


class NoWorkspaces(Refusal):
    """There is no workspace in the folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One learner and one exercise. Without a `report` it was not graded: `why` says so, and is empty where it was not
    begun. `attempts` are the learner's own gradings of it."""

    learner: str
    exercise: str
    attempts: int
    report: Report | None = None
    why: str = ""

    @property
    def state(self) -> str:
        if self.report is None:
            return "broken" if self.why else "new"
        return "passed" if self.report.passed else "failing"

    @property
    def failing(self) -> list[str]:
        """The behaviours that must hold and were not proved."""
        findings = self.report.findings if self.report else ()
        return [one.behaviour for one in findings if not one.gold and one.verdict != "pass"]


def workspaces(folder: Path) -> dict[str, Path]:
    """The workspaces in the folder by the learner's name, that is the name of the folder in it. Raises NoWorkspaces."""
    found: dict[str, Path] = {}
    for depth in range(1, DEEP + 1):
        for path in sorted(folder.glob("/".join(["*"] * depth + [labtoml.NAME]))):
            found.setdefault(path.relative_to(folder).parts[0], path.parent)
    if not found:
        raise NoWorkspaces(
            tr("there is no workspace in {folder}", folder=folder),
            tr("A learner's workspace is a folder in it, with a {name}.", name=labtoml.NAME),
        )
    return found


def grade(
    learners: Mapping[str, Path], exercises: Sequence[Exercise], *, seed: int, jobs: int, tiers: Mapping[str, str]
) -> Iterator[Row]:
    """A row for each learner and exercise, as soon as it is there. What the learners have is read and never written.

    Leaving it early breaks off the gradings that run.
    """
    live: set[Grading] = set()
    leaving = threading.Event()
    with ThreadPoolExecutor(jobs) as pool:
        futures = [
            pool.submit(_row, name, folder, exercise, seed, tiers, live, leaving)
            for exercise in exercises
            for name, folder in learners.items()
        ]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            leaving.set()
            for grading in list(live):
                grading.interrupt()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def misconceptions(rows: Sequence[Row]) -> list[tuple[str, str, int]]:
    """The exercise and the name of each wrong service that failures look like, with how many learners', most first."""
    seen = Counter(
        pair
        for row in rows
        if row.report
        for pair in {(row.exercise, name) for one in row.report.findings for name in one.looks_like}
    )
    return [
        (exercise, name, count) for (exercise, name), count in sorted(seen.items(), key=lambda one: (-one[1], one[0]))
    ]


def _row(
    learner: str,
    folder: Path,
    exercise: Exercise,
    seed: int,
    tiers: Mapping[str, str],
    live: set[Grading],
    leaving: threading.Event,
) -> Row:
    attempts = sum(report.exercise == exercise.id and kept.whole for _, report, kept in records.read(folder / OWN))
    row = Row(learner=learner, exercise=exercise.id, attempts=attempts)
    try:
        with tempfile.TemporaryDirectory(prefix="lab-cohort-") as scratch:
            copy = Path(scratch).resolve() / "workspace"
            here = _cloned(folder, copy) if exercise.branch else _copied(folder, copy, exercise)
            with standing(here, exercise) as (there, branch), Grading() as grading:
                task = Task(
                    assignment=assignment(exercise, there.programs(exercise), branch),
                    seed=seed,
                    records=str(Path(scratch) / "records"),
                    tiers=dict(tiers),
                )
                overdue = threading.Timer(LIMIT, grading.interrupt)
                overdue.start()
                live.add(grading)
                try:
                    if leaving.is_set():
                        raise NotGraded("broken off")
                    return replace(row, report=grading.grade(task).report)
                finally:
                    overdue.cancel()
                    live.discard(grading)
    except NotStarted:
        return row
    except (Incomplete, InvalidLabToml, NoBranch, NotGraded, NotInstalled) as problem:
        return replace(row, why=problem.what)
    except OSError as problem:
        return replace(row, why=f"{problem.filename or folder}: {problem.strerror or problem}")


def _cloned(folder: Path, copy: Path) -> Workspace:
    """The workspace with all of its branches in a clone, in which branches are checked out. Raises NoBranch,
    NotInstalled, InvalidLabToml."""
    at = place(Workspace(folder, labtoml.read(folder / labtoml.NAME)))
    with asking():
        at.repository.said("clone", "--quiet", "--shared", "--no-checkout", at.repository.folder, copy)
        clone = Repository(copy)
        clone.said("fetch", "--quiet", "--update-head-ok", "origin", "+refs/heads/*:refs/heads/*")
    (copy / at.inside).mkdir(parents=True, exist_ok=True)
    return Workspace(copy / at.inside, at.workspace.toml)


def _copied(folder: Path, copy: Path, exercise: Exercise) -> Workspace:
    """The exercise's services in a copy, where builds and runs write. Raises OSError, InvalidLabToml."""
    theirs = Workspace(folder, labtoml.read(folder / labtoml.NAME))
    copy.mkdir()
    shutil.copy2(folder / labtoml.NAME, copy / labtoml.NAME)
    for entry in theirs.toml.services.get(exercise.id, {}).values():
        source = theirs.dir(entry)
        if source.is_dir() and source.is_relative_to(folder):
            shutil.copytree(
                source,
                copy / source.relative_to(folder),
                symlinks=True,
                dirs_exist_ok=True,
                ignore=shutil.ignore_patterns(".git", "__pycache__"),
            )
    return Workspace(copy, theirs.toml)
