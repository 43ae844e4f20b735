"""Bodies of waiting messages that memory has no room for: on disk, in files that live as long as the broker.

Most are written here, to files that have no name. After a start they may be in the log's own files, which are held open
then: the log may remove them at any time. Nothing here is durable. A file is given back when the last body in it was
released, so the space follows the backlog.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

FILE_BYTES = 64 << 20
SPILL_AT_LEAST = 256
"""Octets of a body worth a place on disk."""

Place = tuple[int, int, int]
"""(file, offset, size) of a body"""


class Spill:
    """Files of bodies, each with a count of those still wanted."""

    def __init__(self, folder: Path | None, file_bytes: int = FILE_BYTES) -> None:
        """New files go to `folder`, or where temporary ones go."""
        self._folder = folder
        self._file_bytes = file_bytes
        self._handles: dict[int, int] = {}
        self._wanted: dict[int, int] = {}
        self._named: dict[Path, int] = {}
        self._last = 0
        """The number last given to a file."""
        self._current = 0
        self._end = file_bytes

    def put(self, body: bytes) -> Place:
        """Raises OSError when the disk refuses."""
        if self._end >= self._file_bytes:
            self._next_file()
        handle = self._handles[self._current]
        place = self._current, self._end, len(body)
        rest = memoryview(body)
        offset = self._end
        while rest:
            written = os.pwrite(handle, rest, offset)
            rest = rest[written:]
            offset += written
        self._end = offset
        self._wanted[self._current] += 1
        return place

    def keep(self, path: Path, offset: int, size: int) -> Place:
        """A body that is in a file already; the file may lose its name from here. Raises OSError."""
        file = self._named.get(path)
        if file is None or file not in self._handles:
            file = self._named[path] = self._add(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        self._wanted[file] += 1
        return file, offset, size

    def get(self, place: Place) -> bytes:
        """The body at a place that was not released. Raises OSError."""
        file, offset, size = place
        parts = []
        while size:
            part = os.pread(self._handles[file], size, offset)
            if not part:
                raise OSError("a spilled body was cut short")
            parts.append(part)
            offset += len(part)
            size -= len(part)
        return b"".join(parts)

    def release(self, place: Place) -> None:
        """The body is not wanted any more."""
        file = place[0]
        self._wanted[file] -= 1
        if self._wanted[file]:
            return
        if file != self._current:
            self._drop(file)
        else:
            os.ftruncate(self._handles[file], 0)
            self._end = 0

    def _add(self, handle: int) -> int:
        self._last += 1
        self._handles[self._last] = handle
        self._wanted[self._last] = 0
        return self._last

    def _next_file(self) -> None:
        with tempfile.TemporaryFile(dir=self._folder, prefix="spill-", buffering=0) as file:
            self._current = self._add(os.dup(file.fileno()))
        self._end = 0

    def _drop(self, file: int) -> None:
        os.close(self._handles.pop(file))
        del self._wanted[file]
