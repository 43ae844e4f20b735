"""The two sockets of a proxied connection. They tell its Connection what happens, and do what that decides."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, cast

from lab.journal.event import Flow
from lab.wire.actions import Action, End, Probe, Read, Write
from lab.wire.connection import Connection
from lab.wire.half_close import held_by_peer
from lab.wire.linkfaults import Change, LinkFaults
from lab.wire.listener import linger_zero
from lab.wire.session import Address, Again, Side


class Owner(Protocol):
    """What a connection's sockets need of the tap that they belong to."""

    faults: LinkFaults

    def now(self) -> float: ...

    def tell(self, flow: Flow) -> None: ...

    def again(self, copy: Again) -> None: ...

    def gone(self, sockets: Sockets) -> None:
        """Both sockets are closed."""

    def part(self, sockets: Sockets, transport: asyncio.Transport) -> None:
        """Keep the connection to an instance for whoever needs one next."""

    def deal(self, sockets: Sockets) -> None:
        """Find an instance for what its client asks next, then call `attached`."""


class Sockets:
    """One connection's. `client` and `server` are to be given to the event loop, the server's first.

    Before instances that stand behind a balancer (`dealt`) each exchange may go to another one: in between, the client
    is `parted` from all of them.
    """

    def __init__(self, owner: Owner, connection: Connection, number: int, *, dealt: bool = False) -> None:
        self.owner = owner
        self.connection = connection
        self.number = number
        self.client = Peer(self, Side.CLIENT)
        self.server = Peer(self, Side.SERVER)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        self._gone = False
        self.provider = ""
        """The instance of the provider that it leads to, if there are several."""
        self.dialled: Address = ("", 0)
        self.parted = False
        self.dealing = False
        """Whether an instance is looked for."""
        self._dealt = dealt
        self._answered = False
        self._asked = b""

    def other(self, side: Side) -> Peer:
        return self.server if side is Side.CLIENT else self.client

    def disturbed(self, change: Change) -> None:
        """The faults on the link changed."""
        self.do(self.connection.disturbed(change, self.owner.now()))

    def reset(self, fault: str, detail: str = "") -> None:
        """Cut both sides with an RST."""
        self.do(self.connection.reset(fault, detail, self.owner.now()))

    def held(self) -> None:
        """The provider cannot be reached for a fault that holds the link."""
        self.do(self.connection.held(self.owner.now()))

    def tell(self, flow: Flow) -> None:
        flow.conn = self.number
        flow.target = self.provider
        self.owner.tell(flow)
        self._answered = True

    def part(self) -> bool:
        """Let go of the provider, if there is nothing between it and the client now. Whether it is let go of."""
        if self._dealt and not self.parted and self.connection.between and (transport := self.server.let_go()):
            self.parted = True
            self.client.direct = False
            self.server = Peer(self, Side.SERVER)
            self.owner.part(self, transport)
        return self.parted and not self.dealing

    def deal(self, data: bytes) -> None:
        """The client asks something, and is parted from the instance that answered before."""
        self._asked += data
        if not self.dealing:
            self.dealing = True
            self.client.read(False)
            self.owner.deal(self)

    def attached(self) -> None:
        """There is a provider again: what the client said goes to it."""
        self.parted = self.dealing = self._answered = False
        asked, self._asked = self._asked, b""
        self.do(())
        self.client.read(True)
        if asked:
            self.client.data_received(asked)

    def do(self, actions: Sequence[Action]) -> None:
        """Carry out what the connection decided."""
        for action in actions:
            match action:
                case Write(to, data):
                    self._peer(to).write(data)
                case Flow():
                    self.tell(action)
                case Read(side, wanted):
                    self._peer(side).read(wanted)
                case End(to, how):
                    self._peer(to).end(how)
                    if to is Side.SERVER and self.parted and not self.server.connected:
                        self.do(self.connection.lost(Side.SERVER, self.owner.now(), reset=False))
                case Probe():
                    if not self.client.held():
                        self.do(self.connection.given_up(self.owner.now()))
                case Again():
                    self.owner.again(action)
        connection = self.connection
        self.client.direct = connection.direct[Side.CLIENT] and not self.parted
        self.server.direct = connection.direct[Side.SERVER]
        over = connection.over
        self._wind(None if over else connection.due)
        if over and not self._gone:
            self._gone = True
            self.owner.gone(self)
        elif self._answered:
            self.part()

    def _peer(self, side: Side) -> Peer:
        return self.client if side is Side.CLIENT else self.server

    def _wind(self, due: float | None) -> None:
        if due == self._due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = None
        if due is not None:
            self._timer = self._loop.call_later(max(0.0, due - self.owner.now()), self._passed)

    def _passed(self) -> None:
        self._timer = self._due = None
        self.do(self.connection.passed(self.owner.now()))


class Peer(asyncio.Protocol):
    """One side's socket. `direct`: nothing is in the way, so bytes are forwarded at once and looked at after."""

    def __init__(self, sockets: Sockets, side: Side) -> None:
        self.side = side
        self.direct = False
        self._sockets = sockets
        self._connection = sockets.connection
        self._transport: asyncio.Transport | None = None
        self._forward: Callable[[bytes], None] | None = None
        self._now = sockets.owner.now
        self._tell = sockets.owner.tell
        self._number = sockets.number
        self._lost = False

    @property
    def connected(self) -> bool:
        return self._transport is not None

    def let_go(self) -> asyncio.Transport | None:
        """Give the connection away, as it is; None if there is none any more."""
        transport, self._transport = self._transport, None
        return None if transport is None or transport.is_closing() else transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sockets.other(self.side)._forward = self._transport.write
        self._sockets.do(self._connection.opened(self.side, self._now()))

    def data_received(self, data: bytes) -> None:
        sockets = self._sockets
        if not self.direct or self._forward is None:
            if sockets.parted and self.side is Side.CLIENT:
                sockets.deal(data)
            else:
                sockets.do(self._connection.received(self.side, data, self._now()))
            return
        self._forward(data)
        try:
            flows = self._connection.session.observe(self.side, data, self._now())
        except Exception as error:
            sockets.do(self._connection.failed(error, self._now()))
            return
        for flow in flows:
            flow.conn = self._number
            flow.target = sockets.provider
            self._tell(flow)
        if flows:
            sockets.part()

    def eof_received(self) -> bool:
        self._sockets.do(self._connection.ended(self.side, self._now()))
        return True

    def pause_writing(self) -> None:
        self._sockets.do(self._connection.pressed(self.side, True, self._now()))

    def resume_writing(self) -> None:
        self._sockets.do(self._connection.pressed(self.side, False, self._now()))

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None and self._transport is not None:
            # A write that failed ends the transport, though what the other side said before may still be unread.
            for data in _unread(self._transport):
                self._sockets.do(self._connection.received(self.side, data, self._now()))
        self._lost = True
        self._sockets.do(self._connection.lost(self.side, self._now(), reset=error is not None))

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def read(self, wanted: bool) -> None:
        """Read from it, or let what comes wait in the system."""
        if self._transport is None or self._transport.is_closing():
            return
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def held(self) -> bool:
        """Whether the program at the other end still holds its socket, as far as that can be known."""
        return self._transport is not None and not self._lost and held_by_peer(self._transport)

    def end(self, how: str) -> None:
        """End it with a FIN (`eof`), `close` it after what was written, or `reset` it."""
        transport = self._transport
        if transport is None or self._lost:
            return
        if how == "reset":
            try:
                linger_zero(transport.get_extra_info("socket"))
            except OSError:
                pass  # the other side was quicker
            transport.abort()
        elif how == "close":
            transport.close()
        elif not transport.is_closing() and transport.can_write_eof():
            transport.write_eof()


def _unread(transport: asyncio.Transport) -> Iterator[bytes]:
    """What waits in the system for a transport that reads no more."""
    try:
        with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as rest:
            rest.setblocking(False)
            while data := rest.recv(65536):
                yield data
    except OSError:
        pass
