"""Clients on the embedded Redis, through a tap, as services meet it: all that a server says, then redis-py."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis.asyncio as aioredis

from lab.wire.session import Address
from tests.engines.redis.scripts import NO_RESP, SCRIPTS
from tests.engines.redis.talk import Talk, play
from tests.redis_servers import redis_server
from tests.waiting import aeventually
from tests.wire.rig import tapped


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    folder: Path = tmp_path_factory.mktemp("redis")
    with redis_server("embedded", folder) as address:
        yield address


def said(about: str, address: Address, hello: int) -> list[tuple[str, object]]:
    talk = Talk(address)
    talk.ask(b"FLUSHALL")
    talk.close()
    return list(play(SCRIPTS[about], address, hello))


@pytest.mark.parametrize("fault", ["", 'latency 9s on "NOBODY SAYS THIS"'])
@pytest.mark.parametrize("hello", [2, 3])
@pytest.mark.parametrize("about", [about for about in SCRIPTS if about != NO_RESP])
async def test_the_tap_understands_it_and_changes_nothing(about: str, hello: int, fault: str, server: Address) -> None:
    direct = await asyncio.to_thread(said, about, server, hello)
    async with tapped("redis", server) as rig:
        if fault:
            rig.fault(fault)
        assert await asyncio.to_thread(said, about, rig.address, hello) == direct
        await aeventually(lambda: rig.tap.connections == 0)
    assert not [flow.detail for flow in rig.flows if flow.op == "undecoded"]
    assert len(rig.flows) > len(direct) / 2


async def test_a_hundred_connections_and_large_values(server: Address) -> None:
    async with tapped("redis", server) as rig:
        host, port = rig.address
        clients = [aioredis.Redis(host=host, port=port, protocol=2 + number % 2) for number in range(100)]
        large = b"\r\n" * 3_000_000
        assert await clients[0].set("large", large)
        assert await clients[1].get("large") == large
        counted = await asyncio.gather(*(client.incr("turns") for client in clients))
        assert sorted(counted) == list(range(1, 101))
        for client in clients:
            await client.aclose()


@pytest.mark.parametrize("protocol", [2, 3])
async def test_redis_py_subscribes_beside_other_work(protocol: int, server: Address) -> None:
    async with tapped("redis", server) as rig:
        host, port = rig.address
        client = aioredis.Redis(host=host, port=port, protocol=protocol, decode_responses=True)
        await client.flushall()
        async with client.pubsub() as listener:
            await listener.subscribe("news")
            await listener.psubscribe("n*")
            async with client.pipeline(transaction=True) as pipe:
                pipe.publish("news", "hello")
                pipe.set("k", "v", ex=60)
                pipe.blpop("nothing")
                assert (await pipe.execute())[:2] == [2, True]
            heard: list[tuple[str, str, object]] = []
            while len(heard) < 4:
                if (message := await listener.get_message(timeout=5)) is not None:
                    heard.append((message["type"], message["channel"], message["data"]))
            assert heard == [
                ("subscribe", "news", 1),
                ("psubscribe", "n*", 2),
                ("message", "news", "hello"),
                ("pmessage", "news", "hello"),
            ]
        keys = {f"scan:{number}" for number in range(5_000)}
        async with client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.set(key, "x")
            await pipe.execute()
        assert {key async for key in client.scan_iter("scan:*", count=200)} == keys
        assert (await client.info("server"))["redis_version"]
        await client.aclose()
    assert "undecoded" not in rig.ops()


async def test_faults_that_come_and_go_leave_pushes_and_replies_whole(server: Address) -> None:
    times, message = 300, b"news of some length\r\n" * 2_000
    loop = asyncio.get_running_loop()

    async with tapped("redis", server) as rig:

        def begin(fault: str) -> None:
            rig.heal()
            if fault:
                rig.fault(fault)

        def listen() -> tuple[int, list[object]]:
            listener, editor = Talk(rig.address), Talk(server)
            listener.ask(b"HELLO", b"3")
            assert listener.ask(b"SUBSCRIBE", b"news") == (">", [b"subscribe", b"news", 1])
            editor.ask(b"SET", b"k", b"v")
            pushes = 0
            replies: list[object] = []
            for number in range(times):
                loop.call_soon_threadsafe(begin, ("error", "", "miss", "error 50%", "latency 1ms")[number % 5])
                editor.send(b"PUBLISH", b"news", message)
                listener.send(b"GET", b"k")
                editor.read()
                if number % 20 == 19:
                    while pushes + len(replies) < 2 * (number + 1):
                        if (frame := listener.read()) == (">", [b"message", b"news", message]):
                            pushes += 1
                        else:
                            replies.append(frame)
            listener.close()
            editor.close()
            return pushes, replies

        pushes, replies = await asyncio.to_thread(listen)
    assert pushes == times
    assert len(replies) == times
    kinds = {reply if isinstance(reply, bytes) else str(reply).split()[0] for reply in replies}
    assert kinds == {b"v", "None", "-LOADING"}
    assert "undecoded" not in rig.ops()
