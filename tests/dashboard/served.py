"""A run's folder without a run: its journal grows and its control socket answers, for a terminal or a benchmark."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import msgspec

from lab.runtime.api import LoadStatus, ProcessStatus, RunStatus
from tests.dashboard import shop


class ServedRun:
    """Writes each line into the folder's journal when its time comes, serves /run over a Unix socket, notes a /stop."""

    def __init__(self, folder: Path, lines: list[tuple[float, bytes]]) -> None:
        self.journal = folder / "journal.ndjson"
        self.socket = folder / "control.sock"
        self.lines = lines
        self.sent = 0
        self.began = 0.0
        self.stopped = False
        self._writers: list[asyncio.StreamWriter] = []
        self._writing: asyncio.Task[None] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def open(self) -> None:
        """Begin, in a thread."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result()

    def close(self) -> None:
        """Gone at once, with every connection: as after a kill."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._cut)
            self._thread.join()

    def _cut(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
        self.socket.unlink(missing_ok=True)
        for writer in self._writers:
            writer.transport.abort()
        self._loop.call_later(0.05, self._loop.stop)  # After the aborted connections are closed.

    async def _serve(self) -> None:
        await asyncio.start_unix_server(self._answer, self.socket)
        self.began = time.monotonic()
        self._writing = asyncio.create_task(self._write())

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                self.stopped |= request.split(b" ", 2)[1] == b"/stop"
                body = msgspec.json.encode(self.status())
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
                )
                writer.write(body)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _write(self) -> None:
        with self.journal.open("ab", buffering=0) as file:
            while self.sent < len(self.lines):
                now = time.monotonic() - self.began
                end = self.sent
                while end < len(self.lines) and self.lines[end][0] <= now:
                    end += 1
                if end > self.sent:
                    file.write(b"".join(line for _, line in self.lines[self.sent : end]))
                    self.sent = end
                await asyncio.sleep(0.05)

    def status(self) -> RunStatus:
        names = [engine.name for engine in shop.SYSTEM.engines] + [service.name for service in shop.SYSTEM.services]
        processes = (
            ProcessStatus(name=name, role="service", state="ready", since=0.3, pid=4200, cpu=3.0, rss=60 << 20)
            for name in names
        )
        elapsed = time.monotonic() - self.began if self.began else 0.0
        return RunStatus(
            id="0001-day3", system="day3", title="Event-driven shop", state="ready", elapsed=elapsed, seed=7,
            scenario="", folder="", pid=1, tiers={"broker": "embedded"}, processes=tuple(processes), links=(),
            faults=(), load=LoadStatus(rate=50.0),
        )  # fmt: skip


class Folder:
    """The run of such a folder, as the screen needs it. It has ended when its socket is gone."""

    def __init__(self, folder: Path) -> None:
        self.journal = folder / "journal.ndjson"
        self.socket = folder / "control.sock"
        self.system = shop.SYSTEM

    def ended(self) -> bool:
        return not self.socket.exists()
