"""Before instances behind a balancer each HTTP exchange has its turn, whatever connections the client keeps."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from lab.wire.balancer import Balancer
from tests.waiting import aeventually
from tests.wire.rig import Rig, serving, tapped

PIECES = [1, 7, 1000]
"""Bytes of a request that are sent at a time."""


class Instance:
    """A small HTTP server which keeps connections and says its name. `/wait` waits until it `goes_on`, `/last` is the
    last answer on its connection."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.goes_on = asyncio.Event()
        self.connections = 0
        self.writers: set[asyncio.StreamWriter] = set()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.add(writer)
        while head := await reader.readuntil(b"\r\n\r\n"):
            path = head.split()[1]
            if path == b"/wait":
                await self.goes_on.wait()
            last = b"Connection: close\r\n" if path == b"/last" else b""
            body = self.name.encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n%b" % (len(body), last, body))
            await writer.drain()
            if last:
                writer.close()
                return


class Visitor:
    """One connection, which it keeps."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def asks(self, path: str = "/", pieces: int = 1000) -> str:
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        for start in range(0, len(request), pieces):
            self.writer.write(request[start : start + pieces])
            await asyncio.sleep(0)
        return await self.hears()

    async def hears(self) -> str:
        async with asyncio.timeout(5):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            return (await self.reader.readexactly(length)).decode()


class Shop:
    def __init__(self, rig: Rig, instances: dict[str, Instance], ready: set[str]) -> None:
        self.rig, self.instances, self.ready = rig, instances, ready

    async def visitor(self) -> Visitor:
        return Visitor(*await asyncio.open_connection(*self.rig.address))


@contextlib.asynccontextmanager
async def open_shop(count: int = 2) -> AsyncIterator[Shop]:
    instances = {name: Instance(name) for name in [f"b-{number}" for number in range(1, count + 1)]}
    ready = set(instances)
    async with contextlib.AsyncExitStack() as stack:
        places = {
            name: await stack.enter_async_context(serving(instance.handle)) for name, instance in instances.items()
        }
        balancer = Balancer(lambda: places, lambda name: name in ready)
        rig = await stack.enter_async_context(tapped("http", balancer))
        yield Shop(rig, instances, ready)


@pytest.mark.parametrize("pieces", PIECES)
async def test_each_request_of_a_kept_connection_has_its_turn(pieces: int) -> None:
    async with open_shop() as shop:
        visitor = await shop.visitor()
        assert Counter([await visitor.asks(pieces=pieces) for _ in range(8)]) == {"b-1": 4, "b-2": 4}
        assert Counter(flow.target for flow in shop.rig.flows) == {"b-1": 4, "b-2": 4}
        assert {flow.conn for flow in shop.rig.flows} == {1}, "it is one connection to the client"
        assert all(instance.connections == 1 for instance in shop.instances.values()), "which are kept, too"


async def test_requests_sent_at_once_are_answered_in_order() -> None:
    async with open_shop() as shop:
        visitor = await shop.visitor()
        visitor.writer.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await visitor.hears() == await visitor.hears()
        assert [flow.op for flow in shop.rig.flows] == ["GET /a", "GET /b"]
        assert await visitor.asks() in shop.instances


async def test_who_is_not_ready_is_passed_over_from_the_next_request_on() -> None:
    async with open_shop() as shop:
        visitor = await shop.visitor()
        await visitor.asks()
        shop.ready.discard("b-1")
        assert {await visitor.asks() for _ in range(4)} == {"b-2"}
        shop.ready.add("b-1")
        assert {await visitor.asks() for _ in range(4)} == {"b-1", "b-2"}


async def test_an_instance_is_left_when_what_it_was_asked_is_answered() -> None:
    async with open_shop() as shop:
        visitor = await shop.visitor()
        shop.ready.discard("b-2")
        waiting = asyncio.create_task(visitor.asks("/wait"))
        await aeventually(lambda: shop.instances["b-1"].writers)
        shop.ready.clear()
        shop.ready.add("b-2")
        assert not shop.rig.tap.leave("b-1")
        shop.instances["b-1"].goes_on.set()
        assert await waiting == "b-1"
        await aeventually(lambda: shop.rig.tap.leave("b-1"))
        for writer in shop.instances["b-1"].writers:
            writer.transport.abort()
        assert {await visitor.asks() for _ in range(3)} == {"b-2"}


async def test_a_kept_connection_that_an_instance_has_closed_is_not_used() -> None:
    async with open_shop() as shop:
        visitor = await shop.visitor()
        for _ in range(2):
            await visitor.asks()
        for instance in shop.instances.values():
            for writer in instance.writers:
                writer.close()
        assert {await visitor.asks() for _ in range(2)} == {"b-1", "b-2"}
        assert [instance.connections for instance in shop.instances.values()] == [2, 2]


async def test_the_last_answer_ends_the_connection() -> None:
    async with open_shop() as shop:
        visitor = await shop.visitor()
        await visitor.asks("/last")
        assert await asyncio.wait_for(visitor.reader.read(), 5) == b""


async def test_who_leaves_between_two_requests_is_gone() -> None:
    async with open_shop() as shop:
        visitor = await shop.visitor()
        await visitor.asks()
        assert shop.rig.tap.connections == 1
        visitor.writer.close()
        await aeventually(lambda: shop.rig.tap.connections == 0)
        assert [flow.op for flow in shop.rig.flows] == ["GET /"]


async def test_faults_are_as_on_any_connection() -> None:
    async with open_shop() as shop:
        visitor = await shop.visitor()
        await visitor.asks()
        shop.rig.fault("latency 100ms")
        began = shop.rig.now()
        assert {await visitor.asks() for _ in range(2)} == {"b-1", "b-2"}
        assert shop.rig.now() - began >= 0.2
        shop.rig.heal()
        shop.rig.fault("status 503 x1")
        await visitor.asks()
        assert shop.rig.flows[-1].status == "503"
        assert {await visitor.asks() for _ in range(2)} == {"b-1", "b-2"}

        shop.rig.fault("blackhole")
        held = asyncio.create_task(visitor.asks())
        await asyncio.wait([held], timeout=0.2)
        assert not held.done()
        shop.rig.heal()
        assert await held in shop.instances

        shop.rig.fault("reset")  # while it is parted from all of them
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await visitor.asks()
        await aeventually(lambda: shop.rig.tap.connections == 0)


async def test_when_none_takes_it_the_client_is_told_with_a_reset() -> None:
    async with open_shop() as shop:
        visitor = await shop.visitor()
        await visitor.asks()
        shop.rig.tap.leave("b-1")
        shop.rig.tap.leave("b-2")
        shop.rig.tap.set_upstream("127.0.0.1", 1)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await visitor.asks()
        assert shop.rig.flows[-1].outcome == "refused"
        await aeventually(lambda: shop.rig.tap.connections == 0)
