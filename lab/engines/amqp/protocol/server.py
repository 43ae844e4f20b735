"""The broker on sockets: the one file that knows asyncio. It drives the core and the log's group commit."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import cast

from lab.engines.amqp.core import aside
from lab.engines.amqp.core.broker import MEMORY_LIMIT, Broker
from lab.engines.amqp.core.log import Log
from lab.engines.amqp.core.recovery import restore
from lab.engines.amqp.core.spill import Spill
from lab.engines.amqp.core.syncer import Syncer
from lab.engines.amqp.core.turns import FEW, SLOW
from lab.engines.amqp.protocol.clients import Clients
from lab.engines.amqp.protocol.connection import Connection
from lab.engines.amqp.protocol.open_files import allow_many
from lab.engines.amqp.protocol.status import LONGEST_SOCKET_PATH, SOCKET_NAME, status

WRITE_BUFFER = 1 << 18
"""Octets the transport may hold for a client before deliveries to it pause."""
READ_PAUSE = 1 << 24
"""Octets that may wait for a client before nothing more is read from it."""
RETRY_WRITE = 1.0
"""Seconds until a refused disk write is tried again."""


class Server:
    """Sockets, timers and the log around one Broker."""

    def __init__(
        self,
        folder: Path | None,
        *,
        say: Callable[[str], None],
        vhosts: tuple[str, ...] = (),
        memory_limit: int = MEMORY_LIMIT,
    ) -> None:
        """Reads the folder's log. Raises StoreInUse, OSError."""
        allow_many()
        self.loop = asyncio.get_running_loop()
        self._folder = folder
        self.log = None if folder is None else Log(folder, say=say)
        self.broker = Broker(
            self.log,
            spill=Spill(folder),
            now=self.loop.time(),
            give_up=aside.into(folder, say),
            tell=lambda defect: say("a defect of the broker:\n" + "".join(traceback.format_exception(defect))),
            memory_limit=memory_limit,
        )
        self.clients = Clients(self.broker)
        for vhost in vhosts:
            self.broker.add_vhost(vhost)
        if self.log is not None:
            restore(self.broker, self.log.saved)
            self.log.saved = type(self.log.saved)()
        self.say = say
        self.url = ""
        """Where clients connect to, once it listens."""
        self.links: dict[Connection, Link] = {}
        self._listeners: list[asyncio.Server] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._syncer: Syncer | None = None
        self._syncing = False
        self._coming = False
        self._retry: asyncio.TimerHandle | None = None
        """Set while the disk refuses, until it is asked again."""
        self._look: asyncio.TimerHandle | None = None
        """Set while little space is left, until it is looked at again."""

    async def start(self, host: str, port: int) -> int:
        """Listens on `host`, and on ::1 beside 127.0.0.1 where the machine has it; the port. Raises OSError."""
        listener = await self.loop.create_server(lambda: Link(self), host, port, backlog=1024)
        self._listeners.append(listener)
        port = listener.sockets[0].getsockname()[1]
        self.url = f"amqp://guest:guest@{f'[{host}]' if ':' in host else host}:{port}"
        if host in ("127.0.0.1", "localhost") and socket.has_ipv6:
            try:
                self._listeners.append(await self.loop.create_server(lambda: Link(self), "::1", port, backlog=1024))
            except OSError:
                pass  # no IPv6 on this machine, or its port is taken: 127.0.0.1 is what was promised
        self.after()
        return port

    async def tell_status(self) -> None:
        """Answers on a Unix socket in the data folder with what `status` tells. Raises OSError."""
        if self._folder is None:
            return
        path = self._folder / SOCKET_NAME
        path.unlink(missing_ok=True)
        if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
            self.say(f"{path} is too long a name for a socket: the status cannot be asked")
            return
        self._listeners.append(await self.loop.create_unix_server(lambda: _Teller(self), str(path)))
        path.chmod(0o600)

    def told_to_stop(self) -> asyncio.Event:
        """Set by SIGTERM or SIGINT from now on."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            self.loop.add_signal_handler(number, stop.set)
        return stop

    async def stop(self) -> None:
        """Closes every connection and the log."""
        for listener in self._listeners:
            listener.close()
        self.broker.now = self.loop.time()
        self.clients.shut_down()
        while self.broker.busy:
            self.broker.work()
        self._send()
        if self._syncer is not None:
            self._syncer.close()
        for timer in (self._retry, self._look):
            if timer is not None:
                timer.cancel()
        log, self.log = self.log, None  # sockets that end after this have nothing more to tell it
        if log is not None:
            try:
                log.close()
            except OSError as error:
                self.say(f"cannot write the last to {self._folder}: {error.strerror}")

    def after(self) -> None:
        """To be called after everything that happened to the broker: writes, sends, sets the clock."""
        log = self.log
        if log is not None and not self._syncing and self._retry is None:
            # While the disk works on the file's last page, a write to it would wait and everybody with it.
            self._save(log)
        if self.clients.changed:
            self._send()
        if self.broker.busy or self.clients.unfinished:
            self._come_back()
        when = self.broker.next_timer
        if when is not None and (self._timer is None or when < self._timer_at):
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = when
            self._timer = self.loop.call_at(when, self._tick)

    def _tick(self) -> None:
        self._timer = None
        # Timers may fire a shade early; what is due by the timer's own time is due.
        self.broker.now = max(self.loop.time(), self._timer_at)
        self.broker.tick()
        self.after()

    def _send(self) -> None:
        changed = self.clients.changed
        while changed:
            connection, _ = changed.popitem()
            link = self.links.get(connection)
            if link is not None:
                link.send()

    def _save(self, log: Log) -> None:
        """Writes what was told, if anything was, and has it synced; gives space back, a step at a time.

        Group commit: one fsync at a time in a thread; all that is told meanwhile waits for the next.
        """
        try:
            log.flush()
            if log.untidy:
                log.tidy()
            if self.broker.awaiting or log.wants_sync:
                self._sync(log)
        except OSError as error:
            self._disk_refuses(error)
            return
        if not self._syncing:
            self._disk_serves(log)
            if log.untidy:
                self._come_back()

    def _come_back(self) -> None:
        """Goes on in a later turn of the loop, after those who wait meanwhile."""
        if not self._coming:
            self._coming = True
            self.loop.call_soon(self._back)

    def _back(self) -> None:
        self._coming = False
        self.broker.now = self.loop.time()
        self.broker.work()
        unfinished = next(iter(self.clients.unfinished), None)
        if unfinished is not None:
            self.links[unfinished].go_on()
        self.after()

    def _sync(self, log: Log) -> None:
        handles, position = log.sync_handles()
        if self._syncer is None:
            self._syncer = Syncer(self._safe_in_thread)
        self._syncing = True
        self._syncer.order(handles, position)

    def _safe_in_thread(self, position: int, error: OSError | None) -> None:
        try:
            self.loop.call_soon_threadsafe(self._synced, position, error)
        except RuntimeError:
            pass  # the loop has ended: nobody waits for a confirm any more

    def _synced(self, position: int, error: OSError | None) -> None:
        self._syncing = False
        log = self.log
        if log is None:
            return
        try:
            if error is not None:
                raise error
            log.synced(position)
        except OSError as refused:
            self._disk_refuses(refused)
            return
        self._disk_serves(log)
        self.broker.now = self.loop.time()
        self.broker.safe(position)
        self.after()

    def _disk_refuses(self, error: OSError) -> None:
        """Confirms wait, and publishers are blocked and told; the disk is asked again after a while."""
        self._raise_alarm(f"cannot write to {self._folder}: {error.strerror}; confirms wait until it can")
        self._retry = self.loop.call_later(RETRY_WRITE, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self.broker.now = self.loop.time()
        self.after()

    def _disk_serves(self, log: Log) -> None:
        """The disk took what it was given. While little space is left it is kept for those who consume."""
        if log.short:
            self._raise_alarm(f"little space is left on the disk of {self._folder}: publishers wait for more")
            if self._look is None:
                self._look = self.loop.call_later(RETRY_WRITE, self._look_again)
        elif "disk" in self.broker.alarms:
            self.broker.end_alarm("disk")
            self.say("the disk takes writes again")

    def _look_again(self) -> None:
        self._look = None
        self.after()

    def _raise_alarm(self, why: str) -> None:
        if "disk" not in self.broker.alarms:
            self.broker.alarms.add("disk")
            self.say(why)


class _Teller(asyncio.Protocol):
    """Somebody asks for the status."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        server = self._server
        server.broker.later(self._tell(cast(asyncio.Transport, transport)))
        server.after()

    def _tell(self, writer: asyncio.Transport) -> Iterator[None]:
        """There may be much to tell, and clients wait."""
        broker = self._server.broker
        for piece in status(self._server.clients, self._server.url):
            if writer.is_closing():
                return
            writer.write(piece.encode())
            broker.worked += SLOW * FEW
            yield
        writer.close()


class Link(asyncio.Protocol):
    """One socket and its Connection."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.Transport
        self._connection: Connection
        self._resume_soon = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(WRITE_BUFFER)
        handle = transport.get_extra_info("socket")
        if handle is not None:
            handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = transport.get_extra_info("peername") or ("?", 0)
        self._server.broker.now = self._server.loop.time()
        self._connection = Connection(self._server.clients, f"{peer[0]}:{peer[1]}")
        self._server.links[self._connection] = self

    def data_received(self, data: bytes) -> None:
        server = self._server
        server.broker.now = server.loop.time()
        self._carefully(partial(self._connection.receive, data))
        server.after()

    def go_on(self) -> None:
        self._carefully(self._connection.go_on)

    def _carefully(self, step: Callable[[], None]) -> None:
        """A defect that one client's wishes meet ends that client, not the broker."""
        try:
            step()
        except Exception:
            self._server.say(f"a defect of the broker, met by {self._connection.name}:\n{traceback.format_exc()}")
            self._connection.crashed()
        self._choose_reading()  # here too: what was held may be done without a word to send

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        server = self._server
        server.broker.now = server.loop.time()
        server.links.pop(self._connection, None)
        self._connection.lost()
        server.after()

    def resume_writing(self) -> None:
        self._more()

    def send(self) -> None:
        """Writes what the connection has to say; closes the socket when that was all."""
        transport = self._transport
        data = self._connection.take_output()
        if transport.is_closing():
            return
        if data:
            transport.write(data)
        if self._connection.closed:
            transport.close()
            return
        self._choose_reading()
        if self._connection.room <= 0 and not self._resume_soon:
            # Room is given back in a later turn of the loop, so that one greedy consumer does not hold the others.
            self._resume_soon = True
            self._server.loop.call_soon(self._more)
        elif self._connection.room > 0:
            self._connection.written(transport.get_write_buffer_size())

    def _more(self) -> None:
        self._resume_soon = False
        if self._transport.is_closing():
            return
        server = self._server
        server.broker.now = server.loop.time()
        self._connection.written(self._transport.get_write_buffer_size())
        self._choose_reading()
        server.after()

    def _choose_reading(self) -> None:
        """Reads unless the client is blocked, or leaves too much unread itself."""
        connection = self._connection
        if self._transport.is_closing():
            return
        wanted = (
            not connection.blocked and not connection.held and self._transport.get_write_buffer_size() <= READ_PAUSE
        )
        if wanted != self._transport.is_reading():
            (self._transport.resume_reading if wanted else self._transport.pause_reading)()
