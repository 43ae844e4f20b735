"""Bodies of waiting messages that memory has no room for: written to files that live as long as the broker.

Nothing here is durable. A file is removed when the last body in it was released, so the space follows the backlog.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

FILE_BYTES = 64 << 20

Place = tuple[int, int, int]
"""(file, offset, size) of a body"""


class Spill:
    """Append-only files of bodies, each with a count of those still wanted."""

    def __init__(self, folder: Path | None, file_bytes: int = FILE_BYTES) -> None:
        """Files go to `folder`, or where temporary ones go; they have no name, so none outlives the process."""
        self._folder = folder
        self._file_bytes = file_bytes
        self._handles: dict[int, int] = {}
        self._wanted: dict[int, int] = {}
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
        if not self._wanted[file] and file != self._current:
            self._drop(file)

    def _next_file(self) -> None:
        full = self._current
        with tempfile.TemporaryFile(dir=self._folder, prefix="spill-", buffering=0) as file:
            handle = os.dup(file.fileno())
        self._current += 1
        self._handles[self._current] = handle
        self._wanted[self._current] = 0
        self._end = 0
        if full and not self._wanted[full]:
            self._drop(full)

    def _drop(self, file: int) -> None:
        os.close(self._handles.pop(file))
        del self._wanted[file]
