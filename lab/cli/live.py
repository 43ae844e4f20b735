"""Runs as commands meet them: found by their id, alive or ended, asked through the control API."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cli import exits
from lab.cli.failure import Failure
from lab.cli.output import say

if TYPE_CHECKING:
    from lab.journal.ending import Ending
    from lab.runtime.api import RunOptions, RunStatus
    from lab.runtime.client import Control
    from lab.runtime.runs import RunRecord
    from lab.system.model import System

POLL = 0.05
STOP_SECONDS = 15.0
"""A run that was asked to stop gets so long before it is killed: 5 s for each of its processes, and then some."""
FULL = 1 << 20
"""Bytes that are free on a disk on which a run can no longer write all it has to."""
MAKE_ROOM = "make room, or let LAB_HOME name a folder on another disk; then run it again"
SILENCE = 2.0
"""Seconds after which a wait says what it waits for."""


class Handle:
    """One run, to be watched, stopped and waited for."""

    def __init__(self, record: RunRecord) -> None:
        from lab.runtime.runs import load

        self.record = record
        self.unwritten = ""
        """Why the journal of the running system lacks something, as the run itself said when it was asked."""
        self._file = load(record.folder)

    @property
    def journal(self) -> Path:
        return self.record.journal

    @property
    def socket(self) -> Path:
        return self.record.socket

    @property
    def system(self) -> System:
        return self._file.system

    def ended(self) -> bool:
        """Whether its runtime is gone, and with it whoever writes the journal."""
        from lab.runtime.runs import SAME, created

        began = created(self._file.pid)
        return began is None or abs(began - self._file.created) > SAME

    def stop(self) -> None:
        """Ask it to end in good order; it takes a moment after this returns."""
        from lab.runtime.api import ControlError
        from lab.runtime.client import Control

        with suppress(ControlError), Control(self.record.socket) as control:
            control.stop()

    def kill(self) -> None:
        """End it at once, with everything that belongs to it."""
        from lab.runtime.runs import clean_leftovers

        with suppress(ProcessLookupError):
            if not self.ended():
                os.kill(self.record.pid, signal.SIGKILL)
        while not self.ended():
            time.sleep(POLL)
        clean_leftovers()

    def trouble(self) -> str:
        """What the run says is wrong with it as a whole; empty when all is well, it ends, or it does not answer."""
        from lab.runtime.api import ControlError
        from lab.runtime.client import Control

        try:
            with Control(self.record.socket) as control:
                status = control.run()
        except ControlError:
            return ""
        if status.state == "ready":  # then nothing but the journal can be in trouble
            self.unwritten = status.reason or self.unwritten
        return status.reason if status.state not in ("stopping", "stopped") else ""

    def wait_ended(self) -> None:
        """Wait until it has stopped, saying so when that takes long; kill it when it takes too long."""
        began = time.monotonic()
        told = False
        while not self.ended():
            waited = time.monotonic() - began
            if waited > STOP_SECONDS:
                say(f"{self.record.id} does not stop; ending it at once")
                self.kill()
                return
            if waited > SILENCE and not told:
                told = True
                say(f"{self.record.id} is stopping; its processes get 5 s each")
            time.sleep(POLL)

    def wait_ready(self) -> bool:
        """Wait until the system is ready, telling of each process that is; false if it never will be."""
        from lab.runtime.api import ControlError
        from lab.runtime.client import Control

        ready: set[str] = set()
        said: set[str] = set()
        told = time.monotonic()
        with Control(self.record.socket) as control:
            while not self.ended():
                try:
                    status = control.run()
                except ControlError:
                    break
                for line in _news(status, ready, quiet=time.monotonic() - told > SILENCE):
                    told = time.monotonic()
                    if line not in said:
                        said.add(line)
                        say(line)
                if status.state != "starting":
                    return status.state == "ready"
                time.sleep(POLL)
        return False


def _news(status: RunStatus, ready: set[str], *, quiet: bool) -> list[str]:
    """Who has become ready; after some quiet, who is awaited and why."""
    new = [process.name for process in status.processes if process.state == "ready" and process.name not in ready]
    ready.update(new)
    if new or not quiet:
        return [f"{name} is ready" for name in new]
    awaited = [process for process in status.processes if process.state in ("starting", "backoff")]
    return [f"waiting for {process.name}: {process.reason or process.state}" for process in awaited]


def launch(system: System, options: RunOptions) -> Handle:
    """Start a run. Raises Failure."""
    from lab.engines.launch import EngineUnavailable
    from lab.runtime.launch import LaunchError
    from lab.runtime.launch import launch as start
    from lab.runtime.runs import home
    from lab.system.validate import InvalidSystem

    try:
        return Handle(start(system, options, on_progress=say))
    except InvalidSystem as problem:
        raise Failure("this system cannot run", why=str(problem), code=exits.USAGE) from None
    except EngineUnavailable as problem:
        why = str(problem)
        raise Failure("an engine is missing", why=why, next="lab doctor", code=exits.MISSING) from None
    except LaunchError as problem:
        full = _full(home())
        why = "\n".join(filter(None, (str(problem), full)))
        after = MAKE_ROOM if full else "lab doctor"
        raise Failure("the run could not be started", why=why, next=after, code=exits.MISSING) from None


def bad_end(handle: Handle) -> Failure | None:
    """What went wrong with a run that is over; None if it ended in good order. Removes what a dead runtime left."""
    from lab.journal.ending import read

    record = handle.record
    end = read(record.journal)
    again = f"lab replay {record.id}"
    if end.state == "failed":
        return Failure(f"{record.id} failed", why=end.reason, next=again)
    if end.state != "stopped":
        _clean()
    if why := handle.unwritten or _unwritten(end, record.folder):
        return Failure(f"{record.id} is not recorded as a whole", why=why, next=MAKE_ROOM, code=exits.MISSING)
    if end.state != "stopped":
        return Failure(f"{record.id} broke off: its runtime was killed, or it crashed", why=_log(record), next=again)
    return None


def _unwritten(end: Ending, folder: Path) -> str:
    """Why something is missing in the journal of a run that is over; empty if nothing is."""
    if end.lost:
        return f"{end.lost} events could not be written; the figures are of the others"
    return f"its end is missing: {full}" if end.state != "stopped" and (full := _full(folder)) else ""


def _full(folder: Path) -> str:
    """That the disk of this folder is full, with what is left of it; empty if it is not, or if nobody can tell."""
    try:
        left = shutil.disk_usage(folder).free
    except OSError:
        return ""
    return f"the disk is full ({left // 1024} KiB are free in {folder})" if left < FULL else ""


def _log(record: RunRecord) -> str:
    """Where the runtime's own complaints are, if it had any."""
    log = record.folder / "runtime.log"
    return f"its own words are in {log}" if log.exists() and log.stat().st_size else ""


def record(run_id: str | None) -> RunRecord:
    """The run of that id; without one the latest, alive or not. Raises Failure."""
    from lab.runtime.runs import find, list_runs
    from lab.system.refusal import Unknown

    _clean()
    try:
        if run_id is not None:
            return find(run_id)
        records = list_runs()
        alive = [one for one in records if one.alive]
        if records:
            return (alive or records)[-1]
        raise Failure("there is no run yet", next="lab run day3")
    except Unknown as problem:
        raise Failure(problem.what, why=problem.why, next="lab runs") from None


def alive(run_id: str | None) -> RunRecord:
    """The live run of that id, or the latest. Raises Failure."""
    from lab.runtime.runs import NoRun, find
    from lab.system.refusal import Unknown

    _clean()
    try:
        found = find(run_id)
    except NoRun as problem:
        raise Failure(problem.what, next="lab run day3") from None
    except Unknown as problem:
        raise Failure(problem.what, why=problem.why, next="lab runs") from None
    if not found.alive:
        raise Failure(f"{found.id} has ended", next=f"lab replay {found.id}")
    return found


def records(run_id: str | None = None) -> list[RunRecord]:
    """All live runs, or the one of that id."""
    from lab.runtime.runs import list_runs

    if run_id is not None:
        return [alive(run_id)]
    _clean()
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
        hint = "in a shell, write a link with a colon: payments:provider" if "->" in str(problem) else ""
        raise Failure(str(problem), next=hint, code=code) from None


def status(record: RunRecord) -> RunStatus | None:
    """How a run is; None (and a word to the reader) if it does not answer."""
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
        raise Failure(f"{record.id} has no journal", why=f"{record.journal} is missing")
    return record.journal


def system_of(record: RunRecord) -> System:
    """The System that the run was started with."""
    from lab.runtime.runs import load

    return load(record.folder).system


def _clean() -> None:
    from lab.runtime.runs import clean_leftovers

    killed = clean_leftovers()
    if killed:
        say(f"removed what a run that died left behind: {', '.join(killed)}")
