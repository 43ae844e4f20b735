"""Each fault on a Redis link, as redis-py meets it: against the embedded server and, where installed, a real one."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import redis.asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, ConnectionError, OutOfMemoryError, ReadOnlyError, TimeoutError

from lab.wire.session import Address
from tests.redis_servers import BOTH_SERVERS, redis_server
from tests.wire.loops import in_both_loops
from tests.wire.rig import Rig, tapped


@pytest.fixture(scope="module", params=BOTH_SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with redis_server(request.param, tmp_path_factory.mktemp("redis")) as address:
        yield address


Client = aioredis.Redis


@contextlib.asynccontextmanager
async def cache(server: Address, protocol: int = 2) -> AsyncIterator[tuple[Rig, Client]]:
    """Redis behind a tap, with `a` = 1 and no `b`; the client waits 1.5 s and never tries again."""
    async with tapped("redis", server) as rig:
        host, port = rig.address
        client = aioredis.Redis(
            host=host,
            port=port,
            protocol=protocol,
            socket_timeout=1.5,
            socket_connect_timeout=1.5,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            await client.delete("b", "n")
            await client.set("a", "1", ex=60)
            yield rig, client
        finally:
            await client.aclose()


async def healthy(rig: Rig, client: Client) -> None:
    rig.heal()
    assert await client.get("a") == "1"


@pytest.mark.parametrize("protocol", [2, 3])
@in_both_loops
async def test_flows(server: Address, protocol: int) -> None:
    async with cache(server, protocol) as (rig, client):
        assert await client.get("a") == "1"
        assert await client.get("b") is None
        assert await client.mget("a", "b") == ["1", None]
        assert rig.flows[-4].ttl == 60
        assert [(f.op, f.key, f.status, f.hit) for f in rig.flows[-4:]] == [
            ("SET a", "a", "OK", None),
            ("GET a", "a", "hit", True),
            ("GET b", "b", "miss", False),
            ("MGET a", "a", "miss", False),
        ]
        async with client.pipeline(transaction=True) as pipe:
            pipe.incr("n")
            pipe.get("n")
            assert await pipe.execute() == [1, "1"]
        assert [f.op for f in rig.flows[-4:]] == ["MULTI", "INCRBY n", "GET n", "EXEC"]
        async with client.pubsub() as listening:
            await listening.subscribe("news")
            for kind in ("subscribe", "message"):
                message = await listening.get_message(timeout=10)
                assert message is not None
                assert message["type"] == kind
                if kind == "subscribe":  # before that, what is published is not for it
                    await client.publish("news", "hello")
            assert message["data"] == "hello"
        assert {"SUBSCRIBE news", "PUBLISH news", "message news"} <= set(rig.ops())
        assert not any(flow.op == "undecoded" for flow in rig.flows)


@in_both_loops
async def test_latency(server: Address) -> None:
    async with cache(server) as (rig, client):
        rig.fault("latency 100ms")
        began = time.monotonic()
        await client.get("a")
        assert time.monotonic() - began > 0.09
        assert rig.flows[-1].outcome == "late"
        await healthy(rig, client)


@in_both_loops
async def test_reset_when_a_chosen_command_comes(server: Address) -> None:
    async with cache(server) as (rig, client):
        rig.fault('reset on "GET b"')
        assert await client.get("a") == "1"
        with pytest.raises(ConnectionError):
            await client.get("b")
        assert [(f.op, f.outcome, f.status) for f in rig.flows if f.faults] == [("GET b", "error", "reset")]
        await healthy(rig, client)


@in_both_loops
async def test_blackhole(server: Address) -> None:
    async with cache(server) as (rig, client):
        rig.fault("blackhole")
        with pytest.raises(TimeoutError):
            await client.get("a")
        await healthy(rig, client)


@in_both_loops
async def test_one_way(server: Address) -> None:
    async with cache(server) as (rig, client):
        rig.fault("one-way")
        with pytest.raises(TimeoutError):
            await client.incr("n")
        rig.heal()
        assert await client.get("n") == "1"
        assert [f.op for f in rig.flows if f.outcome == "lost"] == ["INCRBY n"]


@in_both_loops
async def test_refuse_and_connect_hang(server: Address) -> None:
    async with cache(server) as (rig, client):
        rig.fault("refuse")
        with pytest.raises(ConnectionError):
            await client.get("a")
        await healthy(rig, client)
        rig.fault("connect-hang")
        with pytest.raises((TimeoutError, ConnectionError)):
            await client.get("a")
        with pytest.raises(TimeoutError):
            await client.get("a")
        await healthy(rig, client)


@in_both_loops
async def test_errors(server: Address) -> None:
    async with cache(server) as (rig, client):
        rig.fault("error")
        with pytest.raises(BusyLoadingError):
            await client.get("a")
        rig.heal()
        rig.fault("error OOM")
        assert await client.get("a") == "1"
        with pytest.raises(OutOfMemoryError):
            await client.set("b", "2")
        await healthy(rig, client)
        assert await client.get("b") is None


@in_both_loops
async def test_an_error_in_the_middle_of_a_pipeline(server: Address) -> None:
    async with cache(server) as (rig, client):
        rig.fault('error READONLY on "SET b"')
        async with client.pipeline(transaction=False) as pipe:
            pipe.incr("n")
            pipe.set("b", "2")
            pipe.incr("n")
            pipe.get("a")
            answers = await pipe.execute(raise_on_error=False)
        assert [answers[0], answers[2], answers[3]] == [1, 2, "1"]
        assert isinstance(answers[1], ReadOnlyError)
        await healthy(rig, client)


@in_both_loops
async def test_an_error_in_a_transaction_leaves_nothing_done(server: Address) -> None:
    async with cache(server) as (rig, client):
        rig.fault('error OOM on "SET b" x1')
        async with client.pipeline(transaction=True) as pipe:
            pipe.incr("n")
            pipe.set("b", "2")
            with pytest.raises(OutOfMemoryError):
                await pipe.execute()
        assert await client.get("n") is None
        await healthy(rig, client)


@pytest.mark.parametrize("protocol", [2, 3])
@in_both_loops
async def test_miss(server: Address, protocol: int) -> None:
    async with cache(server, protocol) as (rig, client):
        await client.hset("h", "f", "1")
        rig.fault("miss")
        assert await client.get("a") is None
        assert await client.mget("a", "a") == [None, None]
        assert await client.hgetall("h") == {}
        assert await client.exists("a") == 0
        assert [(f.op, f.hit) for f in rig.flows if f.faults] == [
            ("GET a", False),
            ("MGET a", False),
            ("HGETALL h", False),
            ("EXISTS a", False),
        ]
        await healthy(rig, client)


@in_both_loops
async def test_a_share_of_misses(server: Address) -> None:
    async with cache(server) as (rig, client):
        fault = rig.fault("miss 50%")
        found = [await client.get("a") for _ in range(60)]
        assert 12 < found.count(None) < 48
        assert rig.plan.victims(fault.id) == found.count(None)
        await healthy(rig, client)


@in_both_loops
async def test_many_pipelined_commands_under_changing_faults(server: Address) -> None:
    async with cache(server) as (rig, client):
        done = asyncio.Event()

        async def disturbs() -> None:
            while not done.is_set():
                rig.fault('latency 1ms on "INCRBY n"')
                await asyncio.sleep(0.01)
                rig.heal()
                await asyncio.sleep(0.01)

        disturbing = asyncio.ensure_future(disturbs())
        total = 0
        for _ in range(20):
            async with client.pipeline(transaction=False) as pipe:
                for _ in range(50):
                    pipe.incr("n")
                assert await pipe.execute() == list(range(total + 1, total + 51))
                total += 50
        done.set()
        await disturbing
        await healthy(rig, client)
