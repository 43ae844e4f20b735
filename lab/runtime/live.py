"""A live run in the hands of whoever looks after it: asked to stop, killed, waited for, judged when it is over."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lab.journal import ending
from lab.locale import tr, trn
from lab.runtime import runs
from lab.runtime.api import ControlError, RunStatus
from lab.runtime.client import Control
from lab.runtime.runs import RunRecord
from lab.system.model import System
from lab.system.refusal import Refusal

POLL = 0.05
STOP_SECONDS = 15.0
"""A run that was asked to stop gets so long before it is killed: 5 s for each of its processes, and then some."""
SILENCE = 2.0
"""Seconds after which a wait says what it waits for."""

Say = Callable[[str], None]


class BadEnd(Refusal):
    """A run did not end in the orderly way, or its journal lacks something. `run` is its id."""

    def __init__(self, run: str, what: str, why: str) -> None:
        super().__init__(what, why)
        self.run = run


class RunFailed(BadEnd):
    """It failed and said why."""


class RunCrashed(BadEnd):
    """Its runtime was killed, or it crashed."""


class NotRecorded(BadEnd):
    """Its journal lacks events, because they could not be written."""


class LiveRun:
    """One run, to be watched, stopped and waited for."""

    def __init__(self, record: RunRecord) -> None:
        self.record = record
        self._unwritten = ""
        """Why the journal of the running system lacks something, as the run itself said when it was asked."""
        self._file = runs.load(record.folder)

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
        return not runs.carries(self._file)

    def stop(self) -> None:
        """Ask it to end in the orderly way; it takes a moment after this returns."""
        with suppress(ControlError), Control(self.record.socket) as control:
            control.stop()

    def kill(self) -> None:
        """End it at once, with everything that belongs to it."""
        with suppress(ProcessLookupError):
            if not self.ended():
                os.kill(self.record.pid, signal.SIGKILL)
        while not self.ended():
            time.sleep(POLL)
        runs.clean_leftovers()

    def trouble(self) -> str:
        """What the run says is wrong with it as a whole; empty when all is well, it ends, or it does not answer."""
        try:
            with Control(self.record.socket) as control:
                status = control.run()
        except ControlError:
            return ""
        if status.state == "ready":  # then nothing but the journal can be in trouble
            self._unwritten = status.reason or self._unwritten
        return status.reason if status.state not in ("stopping", "stopped") else ""

    def wait_ended(self, say: Say) -> None:
        """Wait until it has stopped, and `say` so when that takes long; kill it when it takes too long."""
        began = time.monotonic()
        told = False
        while not self.ended():
            waited = time.monotonic() - began
            if waited > STOP_SECONDS:
                say(tr("{id} does not stop; ending it at once", id=self.record.id))
                self.kill()
                return
            if waited > SILENCE and not told:
                told = True
                say(tr("{id} is stopping; each of its processes gets 5 s", id=self.record.id))
            time.sleep(POLL)

    def wait_ready(self, say: Say) -> bool:
        """Wait until the system is ready, and `say` which process is; false if it never will be."""
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

    def bad_end(self) -> BadEnd | None:
        """What went wrong with it, now that it is over; None if it ended in the orderly way."""
        record = self.record
        end = ending.read(record.journal)
        if end.state == "failed":
            return RunFailed(record.id, tr("{id} failed", id=record.id), end.reason)
        if why := self._unwritten or _unwritten(end, record.folder):
            return NotRecorded(record.id, tr("the recording of {id} is incomplete", id=record.id), why)
        if end.state != "stopped":
            what = tr("{id} stopped unexpectedly: its runtime was killed, or it crashed", id=record.id)
            return RunCrashed(record.id, what, _log(record))
        return None


def _news(status: RunStatus, ready: set[str], *, quiet: bool) -> list[str]:
    """Who has become ready; after some quiet, who is awaited and why."""
    new = [process.name for process in status.processes if process.state == "ready" and process.name not in ready]
    ready.update(new)
    if new or not quiet:
        return [tr("{name} is ready", name=name) for name in new]
    awaited = [process for process in status.processes if process.state in ("starting", "backoff")]
    return [
        tr("waiting for {name}: {why}", name=process.name, why=process.reason or tr(process.state))
        for process in awaited
    ]


def _unwritten(end: ending.Ending, folder: Path) -> str:
    """Why something is missing in the journal of a run that is over; empty if nothing is."""
    if end.lost:
        return trn(
            "{count} event could not be written; the figures are of the others",
            "{count} events could not be written; the figures are of the others",
            end.lost,
        )
    full = runs.disk_full(folder) if end.state != "stopped" else ""
    return tr("its end is missing: {full}", full=full) if full else ""


def _log(record: RunRecord) -> str:
    """Where the runtime's own complaints are, if it had any."""
    log = record.folder / "runtime.log"
    return tr("its own words are in {log}", log=log) if log.exists() and log.stat().st_size else ""
