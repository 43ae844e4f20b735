"""gRPC for stubs: calls with one message each way, on HTTP/2 without TLS.

To a stub a call is a request like any other: `POST /users.v1.UserService/GetUser`, with the message as its body and the
caller's `grpc-timeout` among its headers. A reply whose `status` is one of gRPC's ends the call with it; any other is
an answer of HTTP's, as a proxy on the way would give it. Who speaks HTTP/1.1 on the same port is answered in it, and so
a stub of this kind, too, can be told over HTTP how to behave.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import struct
import time
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import hpack

from lab.neighbours.stub.request import Reply, Seen
from lab.neighbours.stub.server import Connection, Conversation, Turn
from lab.wire.grpc import frames
from lab.wire.grpc.fields import Blocks, Fields, written

if TYPE_CHECKING:
    from lab.neighbours.stub.server import Server

OK: Final = 0
INVALID_ARGUMENT: Final = 3
NOT_FOUND: Final = 5
STATUSES = range(17)

_LENGTH = struct.Struct(">?I")
_TIMEOUT = re.compile(r"(\d{1,8})([HMSmun])").fullmatch
_UNITS = {"H": 3.6e6, "M": 6e4, "S": 1e3, "m": 1.0, "u": 1e-3, "n": 1e-6}


def time_left(seen: Seen) -> float | None:
    """Milliseconds that the caller had left when it called; None: it would wait for ever."""
    found = _TIMEOUT(seen.headers.get("grpc-timeout", ""))
    return int(found[1]) * _UNITS[found[2]] if found else None


@dataclass(slots=True)
class _Call:
    headers: dict[str, str]
    body: bytearray = field(default_factory=bytearray)
    turn: Turn | None = None
    task: asyncio.Task[None] | None = None


class GrpcConnection(Conversation):
    """One connection: frames become calls, which are served at the same time."""

    def __init__(self, server: Server, number: int) -> None:
        super().__init__(server, number)
        self._reader = frames.Reader(client=True)
        self._blocks = Blocks()
        self._calls: dict[int, _Call] = {}
        self._beginning = b""
        """What was read before it was clear which protocol it is."""

    def connection_lost(self, error: Exception | None) -> None:
        """The caller has gone, so nothing more is done for it."""
        for stream in list(self._calls):
            self._give_up(stream)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        if len(self._beginning) < len(frames.PREFACE):
            self._beginning += data
            if not frames.PREFACE.startswith(self._beginning[: len(frames.PREFACE)]):
                self._hand_over()
                return
        for frame in self._reader.feed(data):
            try:
                self._take(frame)
            except hpack.HPACKError:
                self.reset()
                return
        if self._reader.broken:
            self.reset()

    def _hand_over(self) -> None:
        """It is HTTP/1.1."""
        transport = self._transport
        if transport is not None:
            self.connection_lost(None)
            other = Connection(self._server, self._number)
            transport.set_protocol(other)
            other.connection_made(transport)
            other.data_received(self._beginning)

    def _take(self, frame: frames.Frame) -> None:
        if frame.kind == frames.GREETING:
            self._write(frames.settings({}))
        elif frame.kind == frames.SETTINGS and not frame.flags & frames.ACK:
            self._write(frames.frame(frames.SETTINGS, frames.ACK, 0))
        elif frame.kind == frames.PING and not frame.flags & frames.ACK:
            self._write(frames.frame(frames.PING, frames.ACK, 0, frame.body))
        elif frame.kind == frames.HEADERS:
            fields = self._blocks.read(frame.body)
            self._calls[frame.stream] = _Call({name.decode(): value.decode("latin-1") for name, value in fields})
        elif frame.kind == frames.DATA and frame.size:
            self._write(frames.window_update(0, frame.size))
            if (call := self._calls.get(frame.stream)) is not None:
                call.body += frame.body
        elif frame.kind == frames.RST_STREAM:
            self._give_up(frame.stream)
        if frame.ends and (call := self._calls.get(frame.stream)) is not None:
            self._begin(frame.stream, call)

    def _begin(self, stream: int, call: _Call) -> None:
        """All of the request is there."""
        body = _message(bytes(call.body), call.headers.get("grpc-encoding", ""))
        seen = Seen(
            at=time.monotonic(),
            method=call.headers.get(":method", ""),
            path=call.headers.get(":path", ""),
            query={},
            headers=call.headers,
            body=body,
            json=None,
            conn=self._number,
        )
        call.turn = self._server.arrived(seen)
        call.task = asyncio.get_running_loop().create_task(self._serve(stream, call.turn))

    async def _serve(self, stream: int, turn: Turn) -> None:
        reply = await turn.reply()
        self._calls.pop(stream, None)
        turn.over()
        if reply is None:
            self.reset()
        else:
            self._write(_answer(stream, reply))

    def _give_up(self, stream: int) -> None:
        """The caller does not wait for an answer any more."""
        call = self._calls.pop(stream, None)
        if call is not None and call.task is not None and call.turn is not None:
            call.task.cancel()
            call.turn.over()


def _message(body: bytes, encoding: str) -> bytes:
    """The one message of a request; nothing of one that cannot be read."""
    if len(body) < _LENGTH.size:
        return b""
    compressed, size = _LENGTH.unpack_from(body)
    message = body[_LENGTH.size : _LENGTH.size + size]
    if not compressed:
        return message
    try:
        return gzip.decompress(message) if encoding == "gzip" else b""
    except (OSError, EOFError, zlib.error):
        return b""


def _answer(stream: int, reply: Reply) -> bytes:
    if reply.status not in STATUSES:
        fields = [(b":status", b"%d" % reply.status), (b"content-type", reply.type.encode())]
        return _head(stream, fields) + frames.data(stream, reply.body or b"\n")
    head: Fields = [(b":status", b"200"), (b"content-type", b"application/grpc")]
    status = (b"grpc-status", b"%d" % reply.status)
    if reply.status != OK:
        return _head(stream, [*head, status], frames.END_STREAM)
    message = frames.frame(frames.DATA, 0, stream, _LENGTH.pack(False, len(reply.body)) + reply.body)
    return _head(stream, head) + message + _head(stream, [status], frames.END_STREAM)


def _head(stream: int, fields: Fields, flags: int = 0) -> bytes:
    return frames.block(frames.HEADERS, flags, stream, b"", written(fields))
