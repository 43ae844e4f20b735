"""The journal being read: at once, or while it grows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from io import FileIO
from pathlib import Path

from lab.journal.event import Event, from_line

POLL = 0.05
"""Seconds until the journal is read again when there was nothing new."""

CHUNK = 1 << 20
"""Bytes read at a time, so that the reader of a long journal stays small."""
LONGEST = 16 << 20
"""Bytes of a line that may be an event."""


def read(path: Path, from_seq: int = 0) -> Iterator[Event]:
    """The events of the journal as it is now. Raises OSError if there is none."""
    with path.open("rb"), Tail(path) as tail:
        while lines := tail.lines():
            yield from decode(lines, from_seq)


def follow(path: Path, from_seq: int = 0, stop: Callable[[], bool] | None = None) -> Iterator[Event]:
    """The events from number `from_seq` on, as they come; the file may not exist yet.

    Ends when `stop()` is true and everything written before that was read; without `stop` it goes on for ever.
    """
    with Tail(path) as tail:
        while True:
            last = stop is not None and stop()
            lines = tail.lines()
            yield from decode(lines, from_seq)
            if not lines:
                if last:
                    return
                time.sleep(POLL)


async def afollow(path: Path, from_seq: int = 0, stop: Callable[[], bool] | None = None) -> AsyncIterator[Event]:
    """`follow` for an event loop."""
    with Tail(path) as tail:
        while True:
            last = stop is not None and stop()
            lines = tail.lines()
            for event in decode(lines, from_seq):
                yield event
            if not lines:
                if last:
                    return
                await asyncio.sleep(POLL)


def decode(lines: Iterable[bytes], from_seq: int = 0) -> Iterator[Event]:
    """The events in `lines`. Lines that are not events (a torn line, a kind or value of a later version, one that is
    nested too deeply) are skipped."""
    for line in lines:
        try:
            event = from_line(line)
        except (ValueError, RecursionError):
            continue
        if event.seq >= from_seq:
            yield event


class Lines:
    """Chunks of a journal become whole lines, newline included. A line over LONGEST is no event: it is left out, so
    that none of any length takes more memory."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that this chunk completes."""
        head, newline, rest = chunk.rpartition(b"\n")
        if not newline:
            self._keep(chunk)
            return []
        lines = b"".join([*self._rest, head]).split(b"\n")
        if self._size > LONGEST:
            del lines[0]
        self._rest, self._size = [], 0
        self._keep(rest)
        return [line + b"\n" for line in lines]

    def _keep(self, chunk: bytes) -> None:
        self._size += len(chunk)
        self._rest = [*self._rest, chunk] if self._size <= LONGEST else []


class Tail:
    """The growing end of a journal file: `lines()` gives what was completed since the last call, and never waits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: FileIO | None = None
        self._start = 0
        self._lines = Lines()

    def lines(self) -> list[bytes]:
        """At most about CHUNK bytes of whole lines, newline included; empty when there is nothing new."""
        while data := self._read():
            if lines := self._lines.feed(data):
                return lines
        return []

    def seek(self, offset: int) -> None:
        """Go on from this byte of the file, where a line begins."""
        self._start, self._lines = offset, Lines()
        if self._file is not None:
            self._file.seek(offset)

    def close(self) -> None:
        """Let go of the file; `lines` opens it again."""
        if self._file is not None:
            self._start = self._file.tell()
            self._file.close()
            self._file = None

    def __enter__(self) -> Tail:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> bytes:
        if self._file is None:
            try:
                self._file = FileIO(self.path)
            except FileNotFoundError:
                return b""
            self._file.seek(self._start)
        return self._file.read(CHUNK) or b""
