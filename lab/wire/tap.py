"""A tap: the proxy on one link. It listens for the consumer, dials the provider, and lets a session read along.

Faults are looked up in the plan, never wired in: the plan says when they change, and those on whole connections are
applied at once; a session asks for those on messages as they come.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from itertools import count

from lab.faults.fault import Fault
from lab.faults.plan import Plan
from lab.journal.event import Flow
from lab.locale import tr
from lab.system.model import Link
from lab.wire.balancer import Balancer
from lab.wire.connection import Connection
from lab.wire.linkfaults import LinkFaults
from lab.wire.listener import Listener, linger_zero
from lab.wire.protocols import session_factory
from lab.wire.resend import Resend
from lab.wire.session import Address, Again
from lab.wire.sockets import Sockets
from lab.wire.spares import Spares

DOORS = 100
"""Further providers of one kind that a tap leads to, each through a port of its own: the brokers of a cluster."""


class Tap:
    """The proxy on `link`.

    `upstream` is the provider's address, a callable that knows it when asked, or the balancer before its instances.
    `source` is the instance of the consumer whose tap it is, if there are several; then `numbers` counts the link's
    connections over all their taps. `emit` gets every Flow, stamped with the link and the connection's number; `now`
    gives seconds on the journal's clock. One event loop owns a tap: all methods are to be called on it.
    """

    def __init__(
        self,
        *,
        link: Link,
        protocol: str,
        upstream: Address | Callable[[], Address] | Balancer,
        plan: Plan,
        emit: Callable[[Flow], None],
        now: Callable[[], float],
        source: str = "",
        numbers: Iterator[int] | None = None,
    ) -> None:
        self.link = link
        self.protocol = protocol
        self.faults = LinkFaults(plan, link.id)
        self.emit = emit
        self.now = now
        self._link, self._source, self._target = link.id, source or link.source, link.target
        self._host = ""
        self._upstream = upstream
        self._session = session_factory(protocol)
        self._listener = Listener(self._accepted)
        self._doors: dict[Address, Listener] = {}
        self._live: set[Sockets] = set()
        self._spares = Spares()
        self._tasks: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._passable = asyncio.Event()
        self._numbers = count(1) if numbers is None else numbers

    @property
    def port(self) -> int:
        """The port it listens on; 0 before `start`."""
        return self._listener.port

    @property
    def address(self) -> Address:
        """Where clients reach it."""
        return self._host, self.port

    @property
    def connections(self) -> int:
        """How many connections it carries."""
        return len(self._live)

    @property
    def upstream(self) -> Address:
        """Where new connections are led."""
        return self._route()[0][1]

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen. Raises OSError if the port is taken."""
        self._host = host
        self._listener.start(host, port)
        self.faults.plan.watch(self._link, self._changed)
        self._changed()

    def set_upstream(self, host: str, port: int) -> None:
        """Lead new connections there; live ones stay."""
        self._upstream = (host, port)

    def leave(self, name: str) -> bool:
        """Let go of the instance, which gets no new requests any more. Whether none of its answers is awaited.

        On a connection that is no series of exchanges (gRPC, raw TCP) the instance itself has to say goodbye.
        """
        self._spares.drop(name)
        led = [one for one in list(self._live) if one.provider == name and one.connection.exchanges]
        awaited = [sockets for sockets in led if not sockets.part()]
        return not awaited

    async def close(self) -> None:
        """Give up the port and end every connection."""
        self._spares.close()
        for listener in self._listeners:
            listener.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for sockets in list(self._live):
            sockets.reset("", "the lab stopped")
        if self._live:
            await self._empty.wait()

    def _changed(self) -> None:
        """The link's faults changed: apply and heal what concerns whole connections, now. A session whose question
        changed them decides first."""
        if self.faults.striking:
            asyncio.get_running_loop().call_soon(self._changed)
            return
        change = self.faults.renew()
        for listener in self._listeners:
            self._apply_to(listener)
        if self.faults.holds:
            self._passable.clear()
        else:
            self._passable.set()
        for sockets in list(self._live):
            sockets.disturbed(change)
        for fault in change.cuts:
            self._cut(fault)

    def _apply_to(self, listener: Listener) -> None:
        match self.faults.port:
            case "refuse":
                listener.refuse()
            case "hang":
                listener.hang()
            case "open":
                listener.open()

    @property
    def _listeners(self) -> list[Listener]:
        return [self._listener, *self._doors.values()]

    def _door(self, provider: Address) -> Address:
        """Where clients reach the provider of that address (see session.Door): a port of its own for each that is not
        the tap's. What is beyond `DOORS` of them is not led here."""
        if provider == self.upstream:
            return self.address
        if provider not in self._doors:
            if len(self._doors) >= DOORS:
                return provider
            door = Listener(partial(self._accepted, provider=provider))
            door.start(self._host, 0)
            self._apply_to(door)
            self._doors[provider] = door
        return self._host, self._doors[provider].port

    def tell(self, flow: Flow) -> None:
        """Journal a flow of this link."""
        flow.source = self._source
        flow.target = flow.target or self._target
        flow.link = self._link
        flow.protocol = self.protocol
        self.emit(flow)

    def again(self, copy: Again) -> None:
        """Send a request to the provider once more, on a connection of its own."""
        resend = Resend(self._session(self._door), copy, self.tell, self.now)
        self._spawn(resend.run(*self.upstream))

    def gone(self, sockets: Sockets) -> None:
        """Both sides of a connection are closed."""
        self._live.discard(sockets)
        if not self._live:
            self._empty.set()

    def part(self, sockets: Sockets, transport: asyncio.Transport) -> None:
        """Keep the connection to an instance for whoever needs one next."""
        self._spares.put(sockets.provider, sockets.dialled, transport)

    def deal(self, sockets: Sockets) -> None:
        """Find an instance for what the client asks next."""
        self._spawn(self._deal(sockets))

    async def _deal(self, sockets: Sockets) -> None:
        try:
            await self._dial(sockets, None)
        except OSError as error:
            self._refused(sockets, error)
            sockets.reset("")
            return
        sockets.attached()

    def _cut(self, fault: Fault) -> None:
        live = list(self._live)
        if live:
            self.faults.hit(fault, "connection", self.now(), victims=len(live))
        for sockets in live:
            sockets.reset(fault.id)
        self.faults.cut(fault)

    def _accepted(self, sock: socket.socket, provider: Address | None = None) -> None:
        self._spawn(self._admit(sock, provider))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _admit(self, sock: socket.socket, provider: Address | None) -> None:
        """Dial the provider, the tap's if no other is named, and only then read from the client: what it says early
        waits in its socket. A provider that refuses is passed on as an RST, the nearest to a refusal that an accepted
        connection can get."""
        dealt = isinstance(self._upstream, Balancer)
        connection = Connection(self._session(self._door), self.faults)
        sockets = Sockets(self, connection, next(self._numbers), dealt=dealt)
        try:
            await self._dial(sockets, provider)
        except OSError as error:
            linger_zero(sock)
            sock.close()
            self._refused(sockets, error)
            return
        except BaseException:
            sock.close()
            raise
        self._live.add(sockets)
        self._empty.clear()
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: sockets.client, sock)
        except BaseException:
            sock.close()
            sockets.reset("")
            raise

    def _refused(self, sockets: Sockets, error: OSError) -> None:
        host, port = sockets.dialled
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        detail = tr(
            "{target} does not answer at {host}:{port} ({reason})",
            target=sockets.provider or self.link.target,
            host=host,
            port=port,
            reason=reason,
        )
        sockets.tell(Flow(role="connection", op="connect", status="refused", outcome="refused", detail=detail, ms=0.0))

    async def _dial(self, sockets: Sockets, provider: Address | None) -> None:
        """Connect to the provider. Raises OSError if it refuses, but only once a refusal may pass: behind a blackhole
        the caller hears nothing, not even that nobody is there."""
        while True:
            try:
                await self._try(sockets, provider)
                return
            except OSError:
                if not self.faults.holds:
                    raise
            sockets.held()
            await self._passable.wait()

    async def _try(self, sockets: Sockets, provider: Address | None) -> None:
        """Connect to the first instance that takes it. Raises OSError, of the last one, if none does."""
        *others, last = [("", provider)] if provider else self._route()
        for other in others:
            with contextlib.suppress(OSError):
                return await self._connect(sockets, *other)
        return await self._connect(sockets, *last)

    async def _connect(self, sockets: Sockets, name: str, address: Address) -> None:
        sockets.provider, sockets.dialled = name, address
        if (spare := self._spares.take(name, address)) is not None:
            spare.set_protocol(sockets.server)
            sockets.server.connection_made(spare)
            return
        try:
            await asyncio.get_running_loop().create_connection(lambda: sockets.server, *address)
        except OSError:
            if isinstance(self._upstream, Balancer):
                self._upstream.refused(name, self.now())
            raise

    def _route(self) -> list[tuple[str, Address]]:
        """The instances to try for a connection, by name ("" where there is only one), each with its address."""
        if isinstance(self._upstream, Balancer):
            return self._upstream.order(self.now())
        return [("", self._upstream() if callable(self._upstream) else self._upstream)]
