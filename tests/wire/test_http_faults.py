"""Each fault on an HTTP link, as a real client (httpx) meets it, and after it healed.

How long a fault keeps something waiting, to the millisecond, is said in test_connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.waiting import aeventually
from tests.wire.loops import in_both_loops
from tests.wire.rig import Rig, Web, serving, tapped


@contextlib.asynccontextmanager
async def shop(seed: int = 1) -> AsyncIterator[tuple[Rig, httpx.AsyncClient, Web]]:
    """A web server behind a tap, and a client with a timeout of 0.6 s that has spoken to it once."""
    web = Web()
    async with (
        serving(web) as upstream,
        tapped("http", upstream, seed) as rig,
        httpx.AsyncClient(base_url=rig.url, timeout=0.6, trust_env=False) as client,
    ):
        assert (await client.get("/hello")).status_code == 200
        yield rig, client, web


async def healthy(rig: Rig, client: httpx.AsyncClient) -> None:
    rig.heal()
    answer = await client.post("/orders", json={"item": 1}, timeout=5.0)
    assert answer.status_code == 200
    assert answer.json()["number"] > 0


def victims(rig: Rig) -> list[str]:
    return [flow.op for flow in rig.flows if flow.faults]


@in_both_loops
async def test_latency() -> None:
    async with shop() as (rig, client, _):
        fault = rig.fault("latency 150ms")
        began = time.monotonic()
        await client.get("/slow", timeout=5.0)
        assert time.monotonic() - began > 0.14
        flow = rig.flows[-1]
        assert (flow.op, flow.outcome, flow.faults) == ("GET /slow", "late", (fault.id,))
        assert flow.ms is not None
        assert flow.ms > 140
        await healthy(rig, client)


@in_both_loops
async def test_latency_of_chosen_requests_lets_others_pass() -> None:
    async with shop() as (rig, client, _):
        rig.fault('latency 200ms on "POST /orders*"')
        await client.get("/orders", timeout=5.0)
        began = time.monotonic()
        await client.post("/orders", json={}, timeout=5.0)
        assert time.monotonic() - began > 0.19
        assert victims(rig) == ["POST /orders"]
        assert rig.flows[-1].outcome == "late"
        await healthy(rig, client)


@in_both_loops
async def test_bandwidth() -> None:
    async with shop() as (rig, client, _):
        rig.fault("bandwidth 2KB/s")
        began = time.monotonic()
        await client.post("/orders", content=b"x" * 600)
        assert time.monotonic() - began > 0.25
        await healthy(rig, client)


@in_both_loops
async def test_refuse() -> None:
    async with shop() as (rig, client, _):
        rig.fault("refuse")
        with pytest.raises(httpx.NetworkError):
            await client.get("/the live connection is cut")
        with pytest.raises(httpx.ConnectError):
            await client.get("/x")
        await healthy(rig, client)


@in_both_loops
async def test_reset_under_way() -> None:
    async with shop() as (rig, client, _):
        rig.fault("latency 10s")
        asking = asyncio.ensure_future(client.get("/x"))
        await asyncio.sleep(0.1)
        rig.fault("reset")
        with pytest.raises(httpx.ReadError):
            await asking
        assert rig.flows[-1].op == "GET /x"
        assert (rig.flows[-1].outcome, rig.flows[-1].status) == ("error", "reset")
        await healthy(rig, client)


@in_both_loops
async def test_reset_of_a_share() -> None:
    async with shop() as (rig, client, web):
        fault = rig.fault("reset 50%")
        failed = 0
        for _ in range(40):
            try:
                await client.get("/x")
            except httpx.ReadError:
                failed += 1
        assert 8 < failed < 32
        assert rig.plan.victims(fault.id) == failed == len(victims(rig))
        assert len(web.requests) == 41 - failed
        await healthy(rig, client)


@in_both_loops
async def test_blackhole() -> None:
    async with shop() as (rig, client, web):
        rig.fault("blackhole")
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/x")
        assert web.requests == ["GET /hello"]
        await aeventually(lambda: victims(rig) == ["GET /x"])
        await healthy(rig, client)


@in_both_loops
async def test_blackhole_of_the_next_matching_request() -> None:
    async with shop() as (rig, client, web):
        rig.fault('blackhole x1 on "POST *"')
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/orders", json={})
        assert (await client.post("/orders", json={})).status_code == 200
        await aeventually(lambda: victims(rig) == ["POST /orders"])
        assert web.requests.count("POST /orders") == 1
        await healthy(rig, client)


@in_both_loops
async def test_one_way_does_the_work_and_loses_the_answer() -> None:
    async with shop() as (rig, client, web):
        fault = rig.fault("one-way")
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/orders", json={})
        assert web.requests[-1] == "POST /orders"
        lost = [flow for flow in rig.flows if flow.op == "POST /orders"]
        assert [(flow.outcome, flow.status, flow.faults) for flow in lost] == [("lost", "200", (fault.id,))]
        assert rig.plan.victims(fault.id) == 1
        await healthy(rig, client)


@in_both_loops
async def test_one_way_for_a_chosen_request() -> None:
    async with shop() as (rig, client, web):
        fault = rig.fault('one-way x1 on "POST *"')
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/orders", json={})
        assert (await client.post("/orders", json={})).status_code == 200
        assert web.requests.count("POST /orders") == 2
        lost = [flow for flow in rig.flows if flow.outcome == "lost"]
        assert [(flow.op, flow.faults) for flow in lost] == [("POST /orders", (fault.id,))]
        await healthy(rig, client)


@in_both_loops
async def test_connect_hang() -> None:
    async with shop() as (rig, client, _):
        rig.fault("connect-hang")
        with pytest.raises(httpx.TransportError):
            await client.get("/the live connection is cut")
        with pytest.raises(httpx.ConnectTimeout):
            await client.get("/x")
        await healthy(rig, client)


@in_both_loops
async def test_status() -> None:
    async with shop() as (rig, client, web):
        fault = rig.fault('status 429 on "POST *"')
        answer = await client.post("/orders", json={"item": 1})
        assert answer.status_code == 429
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "fault_injected"
        assert (await client.get("/orders")).status_code == 200
        assert web.requests == ["GET /hello", "GET /orders"]
        assert [(f.op, f.status, f.faults) for f in rig.flows if f.faults] == [("POST /orders", "429", (fault.id,))]
        await healthy(rig, client)


@in_both_loops
async def test_status_for_a_share() -> None:
    async with shop() as (rig, client, _):
        rig.fault("status 30%")
        statuses = [(await client.get("/x")).status_code for _ in range(60)]
        assert 6 < statuses.count(503) < 36
        assert statuses.count(200) + statuses.count(503) == 60
        await healthy(rig, client)


@in_both_loops
async def test_duplicate() -> None:
    async with shop() as (rig, client, web):
        fault = rig.fault('duplicate on "POST *"')
        assert (await client.post("/orders", json={"item": 1})).status_code == 200
        await aeventually(lambda: web.requests.count("POST /orders") == 2)
        await aeventually(lambda: any(flow.outcome == "duplicate" for flow in rig.flows))
        assert sorted((f.outcome, f.status, f.faults) for f in rig.flows if f.op == "POST /orders") == [
            ("duplicate", "200", (fault.id,)),
            ("ok", "200", (fault.id,)),
        ]
        assert (await client.post("/orders", json={"item": 1})).status_code == 200
        assert web.requests.count("POST /orders") == 3
        await healthy(rig, client)


@in_both_loops
async def test_truncate() -> None:
    async with shop() as (rig, client, _):
        rig.fault("truncate 10")
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            await client.get("/x")
        assert [(f.op, f.outcome) for f in rig.flows if f.faults] == [("GET /x", "error")]
        await healthy(rig, client)


@in_both_loops
async def test_a_share_hits_the_same_requests_of_every_run_with_that_seed() -> None:
    async def hit(seed: int, calm: float) -> list[int]:
        async with shop(seed) as (rig, client, _):
            rig.fault("status 503 30%")
            numbers = []
            for number in range(60):
                if (await client.get("/x")).status_code == 503:
                    numbers.append(number)
                await asyncio.sleep(calm)
            return numbers

    first = await hit(7, calm=0)
    assert 6 < len(first) < 36
    assert first == await hit(7, calm=0.003)
    assert first != await hit(8, calm=0)


@in_both_loops
async def test_two_faults_at_once() -> None:
    async with shop() as (rig, client, _):
        rig.fault("latency 100ms")
        rig.fault("status")
        began = time.monotonic()
        assert (await client.get("/x")).status_code == 503
        assert time.monotonic() - began > 0.045
        assert set(rig.flows[-1].faults) == {"f1", "f2"}
        await healthy(rig, client)


@in_both_loops
async def test_faults_act_on_connections_that_are_open_already() -> None:
    async with shop() as (rig, client, _):
        for _ in range(3):
            rig.fault("status")
            assert (await client.get("/x")).status_code == 503
            rig.heal()
            assert (await client.get("/x")).status_code == 200
        assert rig.tap.connections == 1
