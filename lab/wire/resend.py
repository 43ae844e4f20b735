"""A request sent a second time, on a connection of its own. Nobody gets its answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from lab.journal.event import Flow
from lab.wire.session import Again, Session, Side

PATIENCE = 30.0
"""Seconds for the answer, after which the copy's connection is closed."""


class Resend(asyncio.Protocol):
    """The connection of the copy. The exchange is journaled as a `duplicate` with the faults that caused it."""

    def __init__(self, session: Session, copy: Again, tell: Callable[[Flow], None], now: Callable[[], float]) -> None:
        self._session = session
        self._copy = copy
        self._tell = tell
        self._now = now
        self._answered = asyncio.Event()

    async def run(self, host: str, port: int) -> None:
        """Send the copy and wait for its answer."""
        try:
            transport, _ = await asyncio.get_running_loop().create_connection(lambda: self, host, port)
        except OSError:
            return
        try:
            self._session.observe(Side.CLIENT, self._copy.data, self._now())
            transport.write(self._copy.data)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self._answered.wait()
        finally:
            transport.close()

    def data_received(self, data: bytes) -> None:
        for flow in self._session.observe(Side.SERVER, data, self._now()):
            flow.outcome = "duplicate"
            flow.faults = self._copy.faults
            self._tell(flow)
            self._answered.set()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - the copy's end is all that matters
        if not self._answered.is_set():
            for flow in self._session.closed(Side.SERVER, self._now()):
                flow.outcome = "duplicate"
                flow.faults = self._copy.faults
                self._tell(flow)
        self._answered.set()
