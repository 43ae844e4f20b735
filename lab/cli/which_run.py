"""Which run a command is about: the one that `--run` names, else the latest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cli import exits
from lab.cli.failure import Failure
from lab.cli.output import say
from lab.locale import tr

if TYPE_CHECKING:
    from lab.runtime.api import RunStatus
    from lab.runtime.client import Control
    from lab.runtime.runs import RunRecord
    from lab.system.model import System


def recorded(run_id: str | None) -> RunRecord:
    """The run of that id; without one the latest that is alive, else the latest. Raises NoRun, Unknown."""
    from lab.runtime.runs import NoRun, find, list_runs

    clean()
    if run_id is not None:
        return find(run_id)
    records = list_runs()
    if not records:
        raise NoRun(tr("there is no run yet"))
    return ([one for one in records if one.alive] or records)[-1]


def alive(run_id: str | None) -> RunRecord:
    """The live run of that id, or the latest. Raises NoRun, Unknown, Failure."""
    from lab.runtime.runs import find

    clean()
    found = find(run_id)
    if not found.alive:
        raise Failure(tr("{id} has ended", id=found.id), next=f"lab replay --run {found.id}")
    return found


def all_alive(run_id: str | None = None) -> list[RunRecord]:
    """All live runs, or the one of that id. Raises NoRun, Unknown, Failure."""
    from lab.runtime.runs import list_runs

    if run_id is not None:
        return [alive(run_id)]
    clean()
    return [record for record in list_runs() if record.alive]


@contextmanager
def control(run_id: str | None) -> Iterator[Control]:
    """The control API of a live run. What it refuses becomes a Failure."""
    from lab.runtime.api import ControlError
    from lab.runtime.client import Control

    try:
        with Control(alive(run_id).socket) as opened:
            yield opened
    except ControlError as problem:
        code = exits.USAGE if problem.status in (404, 422) else exits.FAILED
        hint = tr("in a shell, write a link with a colon: payments:provider") if "->" in str(problem) else ""
        raise Failure(problem.what, why=problem.why, next=hint, code=code) from None


def status(record: RunRecord) -> RunStatus | None:
    """The run's status; None, and a message, if it does not answer."""
    from lab.runtime.api import ControlError
    from lab.runtime.client import Control

    try:
        with Control(record.socket) as opened:
            return opened.run()
    except ControlError as problem:
        say(f"{record.id}: {problem}")
        return None


def journal(record: RunRecord) -> Path:
    """The run's journal. Raises Failure if it has none."""
    if not record.journal.exists():
        raise Failure(tr("{id} has no journal", id=record.id), why=tr("{journal} is missing", journal=record.journal))
    return record.journal


def system_of(record: RunRecord) -> System:
    """The System that the run was started with."""
    from lab.runtime.runs import load

    return load(record.folder).system


def clean() -> None:
    """Remove the leftovers of dead runs, and say so."""
    from lab.runtime.runs import clean_leftovers

    killed = clean_leftovers()
    if killed:
        say(tr("removed what a run that died left behind: {killed}", killed=", ".join(killed)))
