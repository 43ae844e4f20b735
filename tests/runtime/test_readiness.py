"""What a probe makes of every answer a process may give."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from lab.engines.amqp.ready import greets
from lab.engines.sql.ready import accepts_sessions
from lab.runtime import readiness
from lab.runtime.readiness import Answer


@asynccontextmanager
async def answering(data: bytes | None) -> AsyncIterator[int]:
    """A server that says `data` to whoever speaks, then closes; None: it never says anything."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        if data is None:
            await reader.read()
        else:
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def response(status: int, body: object) -> bytes:
    data = json.dumps(body).encode()
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(data), data)


CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n{"status": "degraded"\r\n1\r\n}\r\n0\r\n\r\n'
WORN = {"status": "degraded", "checks": {"broker": "no route", "db": "ok"}}
BROKEN = {"checks": {"db": {"status": "down", "error": "locked"}, "disk": {"status": "up"}, "x": True}}


@pytest.mark.parametrize(
    ("data", "state", "reason"),
    [
        (response(200, {"status": "ready"}), "ready", ""),
        (response(200, "fine"), "ready", ""),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", "ready", ""),
        (CHUNKED, "degraded", ""),
        (b'HTTP/1.1 200 OK\nContent-Length: 22\n\n{"status": "degraded"}', "degraded", ""),
        (b"HTTP/1.0 503 X\nServer: old\n\n", "unready", "GET /readyz answers 503"),
        (response(200, WORN), "degraded", "broker: no route"),
        (response(503, BROKEN), "unready", "GET /readyz answers 503: db: locked"),
        (response(404, None), "unready", "GET /readyz answers 404"),
        (b"", "unready", "GET /readyz: connection closed without an answer"),
    ],
)
async def test_http_answers(data: bytes, state: str, reason: str) -> None:
    async with answering(data) as port:
        answer = await readiness.http("127.0.0.1", port, "/readyz")()
    assert (answer.state, answer.reason) == (state, reason)


async def test_what_is_no_http_is_told() -> None:
    async with answering(b"SSH-2.0-OpenSSH_9\r\n") as port:
        answer = await readiness.http("127.0.0.1", port, "/readyz")()
    assert answer.state == "unready"
    assert answer.reason.startswith(f"port {port}: ")


async def test_a_server_that_keeps_the_connection_open_has_answered() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response(200, {"status": "ready"}))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert await readiness.http("127.0.0.1", port, "/readyz")() == Answer("ready")


async def test_silence_ends_after_a_second() -> None:
    async with answering(None) as port:
        answer = await readiness.http("127.0.0.1", port, "/readyz")()
    assert answer == Answer("unready", "no answer to GET /readyz within 1 s")


async def test_a_closed_port_is_named() -> None:
    async with answering(b"") as port:
        assert (await readiness.tcp("127.0.0.1", port)()).state == "ready"
    assert await readiness.tcp("127.0.0.1", port)() == Answer("unready", f"port {port} refuses connections")


@pytest.mark.parametrize(
    ("data", "state"), [(b"R\0\0\0\x08\0\0\0\0", "ready"), (b"E...57P03", "unready"), (b"", "unready")]
)
async def test_postgres_is_ready_when_it_opens_sessions(data: bytes, state: str) -> None:
    async with answering(data) as port:
        assert (await readiness.engine(accepts_sessions, "127.0.0.1", port)()).state == state


@pytest.mark.parametrize(("data", "state"), [(b"\x01\0\0", "ready"), (b"", "unready"), (b"AMQP\0\0\t\1", "unready")])
async def test_a_broker_is_ready_when_it_greets(data: bytes, state: str) -> None:
    async with answering(data) as port:
        assert (await readiness.engine(greets, "127.0.0.1", port)()).state == state
