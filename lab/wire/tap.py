"""A tap: the proxy on one link. It listens for the consumer, dials the provider, and lets a session read along.

Faults are looked up in the plan, never wired in: `changed` applies those on whole connections at once, a session asks
for those on messages as they come.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Collection, Sequence

from lab.faults import catalogue
from lab.faults.fault import Fault
from lab.faults.plan import Plan
from lab.journal.event import Flow
from lab.system.model import Link
from lab.wire.again import Copy
from lab.wire.connection import Connection
from lab.wire.listener import Listener, linger_zero
from lab.wire.protocols import session_factory

Address = tuple[str, int]

SLOW = ("latency", "bandwidth")
HOLD = ("blackhole", "partition")
CUT = ("refuse", "connect-hang", "reset")


class Tap:
    """The proxy on `link`.

    `upstream` is the provider's address, or a callable that knows it when asked. `emit` gets every Flow, stamped with
    the link and the connection's number; `now` gives seconds on the journal's clock. One event loop owns a tap: all
    methods are to be called on it.
    """

    def __init__(
        self,
        *,
        link: Link,
        protocol: str,
        upstream: Address | Callable[[], Address],
        plan: Plan,
        emit: Callable[[Flow], None],
        now: Callable[[], float],
    ) -> None:
        self.link = link
        self.protocol = protocol
        self.plan = plan
        self.emit = emit
        self.now = now
        self.version = -1
        self.active: dict[str, Fault] = {}
        self.selective = False
        """Whether a fault is active that a session must decide on, message by message."""
        self.holds: Sequence[Fault] = ()
        self.mutes: Sequence[Fault] = ()
        self.marks: Sequence[Fault] = ()
        """The faults that touch every flow on the link."""
        self.rate: float | None = None
        self.healed_hold: Fault | None = None
        self._link = link.id
        self._slow: Sequence[Fault] = ()
        self._upstream = upstream
        self._session = session_factory(protocol)
        self._listener = Listener(self._accepted)
        self._connections: set[Connection] = set()
        self._copies: set[asyncio.Task[None]] = set()
        self._dials: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._passable = asyncio.Event()
        self._count = 0

    @property
    def port(self) -> int:
        """The port it listens on; 0 before `start`."""
        return self._listener.port

    @property
    def connections(self) -> int:
        """How many connections it carries."""
        return len(self._connections)

    @property
    def upstream(self) -> Address:
        """Where new connections are led."""
        return self._upstream() if callable(self._upstream) else self._upstream

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen. Raises OSError if the port is taken."""
        self._listener.start(host, port)
        self.changed()

    def set_upstream(self, host: str, port: int) -> None:
        """Lead new connections there; live ones stay."""
        self._upstream = (host, port)

    async def close(self) -> None:
        """Give up the port and end every connection."""
        self._listener.close()
        tasks = [*self._dials, *self._copies]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(self._connections):
            connection.reset("", "the lab stopped")
        if self._connections:
            await self._empty.wait()

    def changed(self) -> None:
        """The plan changed: apply and heal what concerns whole connections, now."""
        before = self.active
        self.version = self.plan.version
        faults = self.plan.active(self._link)
        self.active = {fault.id: fault for fault in faults}
        whole = [fault for fault in faults if catalogue.whole(fault)]
        self.selective = len(whole) < len(faults)
        self._slow = [fault for fault in whole if fault.kind == "latency"]
        self.holds = [fault for fault in whole if fault.kind in HOLD]
        self.mutes = [fault for fault in whole if fault.kind == "one-way"]
        self.marks = [fault for fault in whole if fault.kind in SLOW or fault.kind in HOLD]
        self.rate = min((float(fault.params["rate"]) for fault in whole if fault.kind == "bandwidth"), default=None)
        self._open(whole)
        if self.holds:
            self._passable.clear()
        else:
            self._passable.set()

        healed = [fault for ident, fault in before.items() if ident not in self.active and not self.plan.spent(ident)]
        self.healed_hold = next((fault for fault in healed if fault.kind in HOLD), None)
        hurry = any(fault.kind in SLOW for fault in healed) and not any(fault.kind in SLOW for fault in faults)
        for connection in list(self._connections):
            connection.disturbed(healed=bool(healed), hurry=hurry)

        for fault in whole:
            if fault.kind in CUT and fault.id not in before:
                self._cut(fault)

    def strike(self, kinds: Collection[str], op: str) -> Fault | None:
        """What sessions ask (see session.Strike)."""
        return self.plan.strike(self._link, kinds, op, self.now())

    def way(self) -> float:
        """Seconds that bytes are late on one way now: a latency is shared by the way out and the way back."""
        return sum(self.plan.delay(fault.id, self._link) for fault in self._slow) / 2 if self._slow else 0.0

    def hit(self, fault: Fault, op: str) -> None:
        """A fault on the whole link touched the flow `op`, or holds or robs a `connection`."""
        self.plan.hit(fault.id, self._link, self.now(), op=op)

    def tell(self, flow: Flow) -> None:
        """Journal a flow of this link."""
        link = self.link
        flow.source = link.source
        flow.target = link.target
        flow.link = self._link
        flow.protocol = self.protocol
        self.emit(flow)

    def again(self, data: bytes, faults: tuple[str, ...]) -> None:
        """Send `data` to the provider once more, on a connection of its own."""
        copy = Copy(self._session(), data, faults, self.tell, self.now)
        task = asyncio.get_running_loop().create_task(copy.run(*self.upstream))
        self._copies.add(task)
        task.add_done_callback(self._copies.discard)

    def gone(self, connection: Connection) -> None:
        """Both sides of a connection are closed."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def _open(self, whole: Sequence[Fault]) -> None:
        kinds = {fault.kind for fault in whole}
        if "refuse" in kinds:
            self._listener.refuse()
        elif "connect-hang" in kinds:
            self._listener.hang()
        else:
            self._listener.open()

    def _cut(self, fault: Fault) -> None:
        live = list(self._connections)
        if live:
            self.plan.hit(fault.id, self._link, self.now(), victims=len(live), op="connection")
        for connection in live:
            connection.reset(fault.id)
        if fault.kind == "reset":
            self.plan.done(fault.id)

    def _accepted(self, sock: socket.socket) -> None:
        task = asyncio.get_running_loop().create_task(self._admit(sock))
        self._dials.add(task)
        task.add_done_callback(self._dials.discard)

    async def _admit(self, sock: socket.socket) -> None:
        """Dial the provider, and only then read from the client: what it says early waits in its socket. A provider
        that refuses is passed on as an RST, the nearest to a refusal that an accepted connection can get."""
        loop = asyncio.get_running_loop()
        self._count += 1
        connection = Connection(self, self._count, self._session())
        try:
            await self._dial(connection)
        except OSError as error:
            linger_zero(sock)
            sock.close()
            host, port = self.upstream
            reason = os.strerror(error.errno).lower() if error.errno else str(error)
            detail = f"{self.link.target} does not answer at {host}:{port} ({reason})"
            self.tell(
                Flow(
                    role="connection",
                    op="connect",
                    status="refused",
                    outcome="refused",
                    conn=connection.number,
                    detail=detail,
                    ms=0.0,
                )
            )
            return
        except BaseException:
            sock.close()
            raise
        self._connections.add(connection)
        self._empty.clear()
        try:
            await loop.connect_accepted_socket(lambda: connection.client, sock)
        except BaseException:
            sock.close()
            connection.reset("")
            raise

    async def _dial(self, connection: Connection) -> None:
        """Connect to the provider. Raises OSError if it refuses, but only once a refusal may pass: behind a blackhole
        the caller hears nothing, not even that nobody is there."""
        while True:
            try:
                await asyncio.get_running_loop().create_connection(lambda: connection.server, *self.upstream)
                return
            except OSError:
                if not self.holds:
                    raise
            connection.catch(self.holds)
            await self._passable.wait()
