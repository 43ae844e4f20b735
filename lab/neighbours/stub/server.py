"""HTTP/1.1 for stubs: keep-alive, no Nagle, a long backlog; requests of one connection are answered in their order."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import httptools
import msgspec

from lab.neighbours.stub.request import Reply, Seen
from lab.wire.listener import Listener, linger_zero


class Turn(Protocol):
    """One request on its way through a stub."""

    async def reply(self) -> Reply | None:
        """The answer, or None to reset the connection."""

    def over(self) -> None:
        """The request was answered, or never will be. Later calls do nothing."""


Arrived = Callable[[Seen], Turn]

PHRASES = {status.value: status.phrase for status in HTTPStatus}
BODILESS = (204, 304)


class Server:
    """A port and its connections. Everything runs in the stubs' loop."""

    def __init__(self, arrived: Arrived, speaks: type[Conversation]) -> None:
        """Each connection `speaks` some protocol."""
        self.arrived = arrived
        self._speaks = speaks
        self.connected: set[Conversation] = set()
        self._listener = Listener(self._take)
        self._made = 0
        self._greetings: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        return self._listener.port

    async def open(self, host: str, port: int) -> None:
        self._listener.start(host, port)

    async def close(self) -> None:
        self._listener.close()
        await self._reset_all()

    async def refuse(self) -> None:
        self._listener.refuse()
        await self._reset_all()

    async def accept(self) -> None:
        self._listener.open()

    async def _reset_all(self) -> None:
        """Return when nobody is connected and nothing is in flight any more."""
        await asyncio.gather(*self._greetings)
        connections = list(self.connected)
        for connection in connections:
            connection.reset()
        for connection in connections:
            await connection.gone.wait()

    def _take(self, sock: socket.socket) -> None:
        self._made += 1
        connection = self._speaks(self, self._made)
        greeting = asyncio.get_running_loop().create_task(_greet(sock, connection))
        self._greetings.add(greeting)
        greeting.add_done_callback(self._greetings.discard)


class Conversation(asyncio.Protocol):
    """One connection, whatever it speaks."""

    def __init__(self, server: Server, number: int) -> None:
        self._server = server
        self._number = number
        self.gone = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._server.connected.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        self._server.connected.discard(self)
        self.gone.set()

    def reset(self) -> None:
        """End it with an RST."""
        if self._transport is not None:
            linger_zero(self._transport.get_extra_info("socket"))
            self._transport.abort()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


class Connection(Conversation):
    """One connection of HTTP: bytes become requests, requests wait for their turn, replies become bytes."""

    def __init__(self, server: Server, number: int) -> None:
        super().__init__(server, number)
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Turn, bool, bool]] = deque()
        self._served: Turn | None = None
        self._task: asyncio.Task[None] | None = None
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def connection_lost(self, error: Exception | None) -> None:
        """The caller has gone, so nothing more is done for it."""
        if self._task is not None:
            self._task.cancel()
        if self._served is not None:
            self._served.over()
        while self._waiting:
            self._waiting.popleft()[0].over()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # Some clients offer HTTP/2 with every request. An offer may be passed over; the parser has to be a new one.
            self._parser = httptools.HttpRequestParser(self)
            if rest := data[upgrade.args[0] :]:
                self.data_received(rest)
        except httptools.HttpParserError:
            if self._transport is not None:
                self._transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                self._transport.close()

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers = {}
        self._body = []

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, part: bytes) -> None:
        self._body.append(part)

    def on_message_complete(self) -> None:
        target = urlsplit(self._target.decode("latin-1"))
        body = b"".join(self._body)
        method = self._parser.get_method().decode()
        seen = Seen(
            at=time.monotonic(),
            method=method,
            path=unquote(target.path) or "/",
            query=dict(parse_qsl(target.query, keep_blank_values=True)),
            headers=self._headers,
            body=body,
            json=_json(body),
            conn=self._number,
        )
        turn = self._server.arrived(seen)
        self._waiting.append((turn, method == "HEAD", self._parser.should_keep_alive()))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._serve())

    async def _serve(self) -> None:
        """Answer the waiting requests one after the other."""
        while self._waiting:
            turn, head_only, keep_alive = self._waiting.popleft()
            self._served = turn
            reply = await turn.reply()
            if reply is None:
                turn.over()
                self.reset()
                return
            await self._answer(turn, reply, head_only, keep_alive)
            if not keep_alive:
                self._close()
                return
        self._task = None

    async def _answer(self, turn: Turn, reply: Reply, head_only: bool, keep_alive: bool) -> None:
        """The exchange is over just before its last byte goes out: a caller who has the answer finds it counted."""
        head, body = _head(reply, keep_alive), reply.body
        if head_only or reply.status in BODILESS:
            body = b""
        if reply.pace and body:
            self._write(head)
            for byte in body[:-1]:
                await asyncio.sleep(reply.pace)
                self._write(bytes((byte,)))
            await asyncio.sleep(reply.pace)
            head, body = b"", body[-1:]
        turn.over()
        if reply.cut:
            self._write(head + body[: len(body) // 2])
            self._close()
        else:
            self._write(head + body)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def _greet(sock: socket.socket, connection: Conversation) -> None:
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, sock)
    except OSError:  # the caller left before its connection was accepted
        sock.close()


def _head(reply: Reply, keep_alive: bool) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} {PHRASES.get(reply.status, '')}"]
    if reply.status not in BODILESS:
        lines += [f"content-type: {reply.type}", f"content-length: {len(reply.body)}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    if not keep_alive:
        lines.append("connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _json(body: bytes) -> object:
    try:
        return msgspec.json.decode(body) if body else None
    except (ValueError, RecursionError):
        return None
