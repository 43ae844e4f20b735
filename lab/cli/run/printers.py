"""The two ways to print a live run: plain lines with a summary at the end, and NDJSON."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from lab.journal.event import Event, Note, Process
from lab.journal.picture.run import RunPicture
from lab.journal.plain import Narrator
from lab.journal.query import decode
from lab.system.model import System


class Readiness:
    """Whether every service of the System was ready at one time of its run."""

    def __init__(self, system: System) -> None:
        self._missing = {instance for service in system.services for instance in service.instances}

    def see(self, event: Event) -> None:
        if isinstance(event, Process) and event.state in ("ready", "degraded"):
            self._missing.discard(event.source)

    @property
    def reached(self) -> bool:
        return not self._missing

    @property
    def missing(self) -> list[str]:
        return sorted(self._missing)


class Plain:
    """Narrates on stdout, keeps the picture of the run for its summary, and has questions asked that wait."""

    def __init__(self, system: System, ask: Callable[[Note], None] | None = None) -> None:
        self.picture = RunPicture(system)
        self._ask = ask
        self.readiness = Readiness(system)
        self._narrator = Narrator()

    def __call__(self, lines: Sequence[bytes]) -> None:
        told = []
        for event in decode(lines):
            self.picture.apply(event)
            self.readiness.see(event)
            told += self._narrator.tell(event)
            if self._ask and isinstance(event, Note) and event.data.get("waits"):
                _print(told)
                told = []
                self._ask(event)
        _print(told)

    def end(self) -> None:
        _print(self._narrator.rest())


class Json:
    """Passes the journal's lines on as they are."""

    def __init__(self, system: System) -> None:
        self.readiness = Readiness(system)

    def __call__(self, lines: Sequence[bytes]) -> None:
        for event in decode(lines):
            self.readiness.see(event)
        sys.stdout.buffer.write(b"".join(lines))
        sys.stdout.buffer.flush()

    def end(self) -> None:
        pass


def _print(lines: Sequence[str]) -> None:
    if lines:
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
