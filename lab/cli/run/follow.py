"""Reads a run to its end without a screen, and handles Ctrl-C meanwhile."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from lab.cli.output import say
from lab.journal.query import POLL, Tail
from lab.locale import tr

QUIET = 3.0
"""Seconds without a line after which the run is asked whether anything is wrong, such as a full disk."""
GRACE = 10.0
"""Seconds that a run has to stop once its reader has left."""


class Live(Protocol):
    """The part of a run that its reader needs."""

    @property
    def journal(self) -> Path: ...

    def ended(self) -> bool:
        """Whether nothing more will be written."""

    def stop(self) -> None:
        """Ask it to shut down cleanly."""

    def kill(self) -> None:
        """End it at once, with everything that belongs to it."""

    def trouble(self) -> str:
        """A problem of the whole run, or nothing."""


def watch(run: Live, reader: Callable[[Sequence[bytes]], None]) -> bool:
    """Give the journal's lines to `reader` until the run has ended; true if that was because of Ctrl-C.

    The first Ctrl-C asks the run to stop and reads on; the second ends it at once.
    """
    with Presses() as presses, Tail(run.journal) as tail:
        try:
            _read(run, tail, reader, presses)
        except KeyboardInterrupt:
            say(tr("ending it at once"))
            run.kill()
        except BrokenPipeError:
            _leave(run)
            raise
        return presses.count > 0


class Presses:
    """Counts Ctrl-C while it is entered; the second one raises KeyboardInterrupt."""

    def __init__(self) -> None:
        self.count = 0
        self._before: Any = None

    def __enter__(self) -> Presses:
        self._before = signal.signal(signal.SIGINT, self._pressed)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _pressed(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1:
            raise KeyboardInterrupt


def _read(run: Live, tail: Tail, reader: Callable[[Sequence[bytes]], None], presses: Presses) -> None:
    asked = False
    heard, complaint = time.monotonic(), ""
    while True:
        last = run.ended()
        if presses.count and not asked:
            asked = True
            say(tr("stopping: every process is asked to end (Ctrl-C again ends them at once)"))
            run.stop()
        lines = tail.lines()
        if lines:
            heard = time.monotonic()
            reader(lines)
        elif last:
            return
        elif time.monotonic() - heard > QUIET:
            heard = time.monotonic()
            if (trouble := run.trouble()) and trouble != complaint:
                complaint = trouble
                say(f"lab: {trouble}")
        else:
            time.sleep(POLL)


def _leave(run: Live) -> None:
    """The reader of our output is gone (`| head`), so the run has no reader either."""
    run.stop()
    deadline = time.monotonic() + GRACE
    while not run.ended() and time.monotonic() < deadline:
        time.sleep(POLL)
