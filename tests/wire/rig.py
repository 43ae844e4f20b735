"""A tap with a plan, its flows and its faults, for tests: real sockets, nothing else of the lab."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from lab.faults.fault import Fault
from lab.faults.plan import Plan
from lab.faults.text import parse
from lab.journal.event import FaultChange, Flow
from lab.system.model import Link
from lab.wire.balancer import Balancer
from lab.wire.session import Address
from lab.wire.tap import Tap

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Rig:
    """`a->b` with a tap on it. `fault` adds one by its text without the target and applies it; `heal` heals."""

    def __init__(self, protocol: str, upstream: Address | Balancer, seed: int = 1) -> None:
        self.flows: list[Flow] = []
        self.changes: list[FaultChange] = []
        self.plan = Plan(seed, self.changes.append)
        self.began = time.monotonic()
        self.tap = Tap(
            link=Link(source="a", target="b", protocol="tcp"),
            protocol=protocol,
            upstream=upstream,
            plan=self.plan,
            emit=self.flows.append,
            now=self.now,
        )

    @property
    def address(self) -> Address:
        return self.tap.address

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.tap.port}"

    def now(self) -> float:
        return time.monotonic() - self.began

    def fault(self, text: str) -> Fault:
        kind, _, rest = text.partition(" ")
        return self.plan.add(parse(f"{kind} a:b {rest}"), self.now())

    def heal(self) -> None:
        self.plan.heal(None, self.now())

    def ops(self) -> list[str]:
        return [flow.op for flow in self.flows]


@contextlib.asynccontextmanager
async def tapped(protocol: str, upstream: Address | Balancer, seed: int = 1) -> AsyncIterator[Rig]:
    rig = Rig(protocol, upstream, seed)
    await rig.tap.start()
    try:
        yield rig
    finally:
        await rig.tap.close()


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[Address]:
    """A TCP server; connections that end badly are the tests' everyday business."""
    writers: set[asyncio.StreamWriter] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writers.discard(writer)
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()
    finally:
        server.close()
        for writer in list(writers):
            writer.transport.abort()
        await asyncio.sleep(0)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


class Web:
    """A small HTTP server: answers each request with its number and remembers what came."""

    def __init__(self) -> None:
        self.requests: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = 0
            for line in head.split("\r\n")[1:]:
                name, _, value = line.partition(":")
                if name.lower() == "content-length":
                    length = int(value)
            await reader.readexactly(length)
            self.requests.append(" ".join(head.split(" ")[:2]))
            body = b'{"number": %d, "of": "the requests that this server has had"}' % len(self.requests)
            status = b"500 Oops" if "/broken" in head else b"200 OK"
            writer.write(b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n" % status)
            writer.write(b"Content-Length: %d\r\n\r\n" % len(body))
            writer.write(b"" if head.startswith("HEAD") else body)
            await writer.drain()
