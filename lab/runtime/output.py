"""What one life of a process writes: both its pipes, read to the end, up to a limit in all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lab.locale import tr
from lab.runtime.logs import LinePipe, Stream, read_lines
from lab.runtime.spawn import Child

DRAIN = 0.3
"""Seconds to read what a dead process still has in its pipes."""
MB = 1_000_000


class Output:
    """Reads the pipes of a child. `on_line` gets each line without its end, `on_notice` what had to be left out.

    After `limit` megabytes (None: no limit) nothing is kept any more; the pipes are read on, so that the process never
    waits because of it.
    """

    def __init__(
        self, on_line: Callable[[Stream, bytes], None], on_notice: Callable[[str], None], limit: int | None
    ) -> None:
        self._on_line = on_line
        self._on_notice = on_notice
        self._limit = limit
        self._left = limit * MB if limit is not None else None
        self._pipes: list[LinePipe] = []

    async def read(self, child: Child) -> None:
        """Begin to read; the child's ends of the pipes are ours from now on."""
        self._pipes = [await self._open(child.stdout, "stdout"), await self._open(child.stderr, "stderr")]

    async def drain(self) -> None:
        """The child is dead: read what is left, and close."""
        await asyncio.wait([pipe.ended for pipe in self._pipes], timeout=DRAIN)
        for pipe in self._pipes:
            pipe.close()

    async def _open(self, fd: int, stream: Stream) -> LinePipe:
        return await read_lines(fd, lambda line: self._on_line(stream, line), self._on_notice, self._keep)

    def _keep(self, size: int) -> bool:
        """Whether `size` more bytes are within the limit; said once when they are not."""
        if self._left is None:
            return True
        before, self._left = self._left, self._left - size
        if before >= 0 > self._left:
            self._on_notice(
                tr("wrote more than {limit} MB: what it writes from here on is left out", limit=self._limit)
            )
        return self._left >= 0
