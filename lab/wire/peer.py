"""One side of a proxied connection: its socket, as the event loop knows it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from lab.wire.listener import linger_zero
from lab.wire.session import Side

if TYPE_CHECKING:
    from lab.wire.connection import Connection


class Peer(asyncio.Protocol):
    """One side's socket. `direct`: nothing is in the way, so bytes are forwarded at once and looked at after."""

    def __init__(self, connection: Connection, side: Side) -> None:
        self.connection = connection
        self.side = side
        self.transport: asyncio.Transport | None = None
        self.direct = False
        self.eof = False
        self.lost = False
        self.full = False
        self.paused = False
        self.forward: Callable[[bytes], None] = connection.lane(side.other).send
        self._tap = connection.tap
        self._now = connection.tap.now
        self._plan = connection.tap.plan

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.made(self)

    def data_received(self, data: bytes) -> None:
        connection = self.connection
        if not self.direct or self._plan.version != self._tap.version:
            connection.received(self.side, data)
            return
        self.forward(data)
        try:
            flows = connection.session.observe(self.side, data, self._now())
        except Exception as error:
            connection.undecoded(error)
            return
        for flow in flows:
            connection.tell(flow)

    def eof_received(self) -> bool:
        self.eof = True
        self.connection.ended(self.side)
        return True

    def pause_writing(self) -> None:
        self.full = True
        self.connection.pressure(self.side)

    def resume_writing(self) -> None:
        self.full = False
        self.connection.pressure(self.side)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self.direct = False
        self.connection.lost(self.side, error)

    def abort(self) -> None:
        """Close with an RST."""
        if self.transport is not None and not self.lost:
            try:
                linger_zero(self.transport.get_extra_info("socket"))
            except OSError:
                pass  # the other side was quicker
            self.transport.abort()
