"""What was seen of the run so far: its journal, read while it grows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from lab.journal.event import Event, Flow, Log, Process
from lab.journal.query import Tail, decode
from lab.runtime.api import ControlError
from lab.runtime.client import Control


class Seen:
    """The events of the run, and where among them the current check begins."""

    def __init__(self, control: Control, journal: Path, process: Callable[[str], str]) -> None:
        """`process` gives the process that is meant by a service's name."""
        self._control = control
        self._process = process
        self._tail = Tail(journal)
        self._events: list[Event] = []
        self._closed = False
        self.since = 0
        """Number of the first event of the current check."""

    def mark(self) -> None:
        """The current check begins here."""
        self.since = self._control.flush() + 1

    def events(self) -> list[Event]:
        """Every event so far, complete up to this call."""
        if self._closed:
            return self._events
        with contextlib.suppress(ControlError):
            self._control.flush()
        while lines := self._tail.lines():
            self._events += decode(lines)
        return self._events

    def of_check(self) -> list[Event]:
        """The events of the current check."""
        return [event for event in self.events() if event.seq >= self.since]

    def flows(self) -> list[Flow]:
        return [event for event in self.of_check() if isinstance(event, Flow)]

    def logs(self, service: str) -> list[Log]:
        process = self._process(service)
        return [event for event in self.of_check() if isinstance(event, Log) and event.source == process]

    def exit_code(self, service: str) -> int | None:
        """The code with which it ended last in this check; negative for a signal, None if it did not."""
        process = self._process(service)
        ends = [event.code for event in self.of_check() if isinstance(event, Process) and event.source == process]
        return next((code for code in reversed(ends) if code is not None), None)

    def close(self) -> None:
        """Read the rest and give the journal up; `events` has all of it afterwards."""
        self.events()
        self._closed = True
        self._tail.close()
