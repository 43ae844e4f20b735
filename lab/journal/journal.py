"""The journal being written: events get their number and time, and reach the file in batches."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

from lab.journal.event import Event, Flow, Log, Note, encode
from lab.locale import tr

BATCH = 4096
"""Events that wait for the owner's `flush()` at most; with more the journal writes by itself."""
PLENTY = 200_000_000
"""Bytes after which the journal is thinned, and again after as many: then one story of ten of the others, and so on."""
THINNER = 10


class Journal:
    """Appends events to the file at `path`, numbered from 1 and timed in seconds since it was opened.

    `append` only encodes into memory; the owner calls `flush()` about 20 times a second. No disk error is
    raised: while the disk is full or read-only, `lost` counts the events and `error` says why ("" when all is well).
    A run of hours would fill the disk: after each `plenty` bytes the journal says so and keeps of what went well only
    some stories, those whole. A Journal belongs to one thread, and a file to one Journal.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic, plenty: int = PLENTY) -> None:
        self.path = path
        self.error = ""
        self.lost = 0
        self._clock = clock
        self._plenty, self._size = plenty, 0
        self._share = 1
        """One story of so many is kept."""
        self._start = clock()
        self._seq = 0
        self._waiting: list[bytes] = []
        self._torn = False
        self._fd: int | None = None
        self._open()

    def now(self) -> float:
        """Seconds since the run's start."""
        return self._clock() - self._start

    @property
    def seq(self) -> int:
        """The number of the last event; 0 before the first."""
        return self._seq

    def append(self, event: Event) -> None:
        """Stamp `event` with its number and time, and keep it for the next flush."""
        if self._share > 1 and _spared(event, self._share):
            return
        self._seq += 1
        event.seq = self._seq
        event.t = int((self._clock() - self._start) * 1e6) / 1e6
        try:
            line = encode(event)
        except (TypeError, ValueError, RecursionError) as problem:  # no form in JSON, half an emoji, nested too deeply
            line = encode(_unwritable(event, problem))
        self._waiting.append(line)
        self._size += len(line) + 1
        if self._size > self._plenty:
            self._thin()
        if len(self._waiting) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Hand everything appended so far to the operating system."""
        if not self._waiting:
            return
        if self._fd is None and not self._open():
            self._drop()
            return
        self._write()

    def close(self) -> None:
        self.flush()
        self.flush()  # the first may have added a note about lost events
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self) -> bool:
        try:
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            self.error = _explain(problem, self.path)
            return False
        self.error = ""
        return True

    def _write(self) -> None:
        assert self._fd is not None
        data = memoryview((b"\n" if self._torn else b"") + b"\n".join(self._waiting) + b"\n")
        written = 0
        try:
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError as problem:
            self.error = _explain(problem, self.path)
            whole = bytes(data[:written]).count(b"\n") - (1 if self._torn and written else 0)
            # The next write ends a line that was cut in the middle, so that only this line is damaged.
            self._torn = data[written - 1] != ord("\n") if written else self._torn
            del self._waiting[:whole]
            self._drop()
            return
        self._torn = False
        self.error = ""
        self._waiting.clear()
        if self.lost:
            self._confess()

    def _thin(self) -> None:
        self._size = 0
        self._share *= THINNER
        text = tr(
            "the journal is large: from here on it holds one in {share} of the requests and messages that go well, "
            "and all that goes wrong",
            share=self._share,
        )
        self.append(Note(text=text, topic="run", level="warning", data={"share": self._share}))

    def _drop(self) -> None:
        self.lost += len(self._waiting)
        self._waiting.clear()

    def _confess(self) -> None:
        """The disk accepts data again: the journal notes how much is missing from it."""
        lost, self.lost = self.lost, 0
        text = tr("{lost} events could not be written and are missing here", lost=lost)
        self.append(Note(text=text, topic="run", level="warning", data={"lost": lost}))


def _spared(event: Event, share: int) -> bool:
    """Whether the event is left out: an ordinary one, of a story that is none of those that are kept."""
    match event:
        case Flow(outcome="ok", faults=()) | Log(level="info" | "debug"):
            return not event.correlation or bool(crc32(event.correlation.encode(errors="replace")) % share)
    return False


def _explain(problem: OSError, path: Path) -> str:
    match problem.errno:
        case errno.ENOSPC | errno.EDQUOT:
            why = tr("the disk is full")
        case errno.EROFS:
            why = tr("the disk is read-only")
        case errno.EACCES | errno.EPERM:
            why = tr("writing there is not permitted")
        case _:
            why = problem.strerror or str(problem)
    return tr("the journal is not being written: {why} ({path})", why=why, path=path)


def _unwritable(event: Event, problem: Exception) -> Note:
    kind = event.__struct_config__.tag
    text = (
        tr("an event of kind {kind} could not be written: {problem}", kind=kind, problem=problem)
        .encode(errors="replace")
        .decode()
    )
    note = Note(text=text, topic="run", level="warning")
    note.seq, note.t = event.seq, event.t
    return note
