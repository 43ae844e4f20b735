"""A run's control socket without a run: what the dashboard's real client meets, in a terminal or in a benchmark."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import msgspec

from lab.runtime.api import LoadStatus, ProcessStatus, RunStatus
from tests.dashboard import shop


class ServedRun:
    """Serves /run, /system and /events over a Unix socket, each event when its time comes; notes a /stop."""

    def __init__(self, lines: list[tuple[float, bytes]]) -> None:
        self.lines = lines
        self.sent = 0
        self._writers: list[asyncio.StreamWriter] = []
        self.began = 0.0
        self.stopped = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def open(self, path: Path) -> None:
        """Serve on this socket, in a thread."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.serve(path), self._loop).result()

    def close(self) -> None:
        """Gone at once, with every connection: as after a kill."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._cut)
            self._thread.join()

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._loop.call_later(0.05, self._loop.stop)  # After the aborted connections are closed.

    async def serve(self, path: Path) -> asyncio.Server:
        return await asyncio.start_unix_server(self.answer, path)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                path = request.split(b" ", 2)[1]
                if path.startswith(b"/events"):
                    await self.stream(writer)
                    return
                self.stopped |= path == b"/stop"
                body = msgspec.json.encode(shop.SYSTEM if path == b"/system" else self.status())
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
                )
                writer.write(body)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def stream(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        self.began = time.monotonic()
        at = 0
        while at < len(self.lines):
            now = time.monotonic() - self.began
            end = at
            while end < len(self.lines) and self.lines[end][0] <= now:
                end += 1
            if end > at:
                chunk = b"".join(line for _, line in self.lines[at:end])
                writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                await writer.drain()
                self.sent, at = end, end
            await asyncio.sleep(0.02)
        await asyncio.sleep(60)

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
