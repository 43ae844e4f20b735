"""A grading in a process of its own: asked for, followed step by step, broken off.

pytest wants the main thread for itself, and Ctrl-C, a closed terminal or the end of whoever asked must leave nothing
behind. So a command, a screen and the author gate all start a process for a grading and read what it says.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lab.grading.model import Assignment, Chosen, Report
from lab.grading.stage import Stage, Watcher
from lab.locale import tr
from lab.system.refusal import Refusal

if TYPE_CHECKING:
    from types import TracebackType

PATIENCE = 30.0
"""Seconds that an interrupted grading has to end its run."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What is graded, and how. `first` are behaviours to be checked before the others, `only` those to be checked at
    all; `tiers` are of engines, by kind, `chosen` says which faults are played. With `traces` the processes and ports
    that are left behind are looked for."""

    assignment: Assignment
    seed: int
    records: str
    """The folder for the services' logs."""
    tiers: dict[str, str] = {}
    first: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    stop_at_first: bool = False
    chosen: Chosen = Chosen()
    traces: bool = False


class Reached(msgspec.Struct, frozen=True, tag="reached"):
    """The grading has come to this stage."""

    stage: Stage


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The grading has ended. `left` is what it left behind, in words, if that was asked for."""

    report: Report
    left: tuple[str, ...] = ()


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The grading was not possible. `reason` is `engine` or `package` (one is missing), `start` or `broken off`."""

    reason: str
    why: str


Said = Reached | Done | Refused
"""A line of the process that grades."""


class NotGraded(Refusal):
    """The lab could not grade: an `engine` or a `package` is missing, it could not `start`, or it was `broken off`."""

    SAID = {  # noqa: RUF012
        "engine": tr("an engine is missing"),
        "package": tr("a package is missing"),
        "start": tr("the grading could not begin"),
        "broken off": tr("the grading stopped unexpectedly"),
    }

    def __init__(self, reason: str, why: str = "") -> None:
        super().__init__(self.SAID[reason], why)
        self.reason = reason


class Grading:
    """One grading. Its process starts at once and loads what it needs while the caller prepares the Task.

    Leaving it early breaks the grading off in the orderly way; a second Ctrl-C meanwhile ends it at once.
    """

    def __init__(self) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "lab.course.grading_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            start_new_session=True,  # a Ctrl-C in the terminal is for whoever asked, who passes it on
        )
        assert self._process.stdin
        assert self._process.stdout
        self._lifeline, self._told = self._process.stdin, self._process.stdout

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Grading:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def grade(self, task: Task, tell: Watcher = lambda _: None) -> Done:
        """Grade it, and `tell` every stage as it is reached. Raises NotGraded."""
        with contextlib.suppress(BrokenPipeError):
            self._lifeline.write(encode(task) + b"\n")
            self._lifeline.flush()
        for line in self._told:
            match decode(line, Said):
                case Reached(stage):
                    tell(stage)
                case Done() as done:
                    return done
                case Refused(reason, why):
                    raise NotGraded(reason, why)
        self._process.wait()
        raise NotGraded("broken off", self._last_words())

    def interrupt(self) -> None:
        """Break it off, from any thread: `grade` then ends with NotGraded, and nothing of it is left."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)

    def close(self) -> None:
        """Break it off if it still goes on, and wait until all of it is gone."""
        try:
            with contextlib.suppress(BrokenPipeError):
                self._lifeline.close()  # to the process this is the end of whoever asked
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            self._told.close()
            self._said.close()

    def _last_words(self) -> str:
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        return (
            lines[-1] if lines else tr("its process ended with code {returncode}", returncode=self._process.returncode)
        )


def encode(value: object) -> bytes:
    """JSON; a path is a string."""
    return msgspec.json.encode(value, enc_hook=os.fspath)


def decode(line: bytes, kind: Any) -> Any:
    """The value of JSON that `encode` made. Raises msgspec.DecodeError."""
    return msgspec.json.decode(line, type=kind, dec_hook=_path)


def _path(kind: type, value: Any) -> Any:
    if issubclass(kind, Path):
        return Path(value)
    raise NotImplementedError(kind)
