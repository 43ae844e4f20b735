"""The tap from outside: real sockets on both sides, in both event loops."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from lab.journal.event import Flow
from lab.wire.session import Effect, Send, Side, Strike
from tests.waiting import aeventually
from tests.wire.loops import in_both_loops
from tests.wire.rig import Rig, Web, echo, serving, tapped

MB = 1024 * 1024


class Caller:
    """A plain client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def asks(self, data: bytes = b"hello", timeout: float = 5.0) -> bytes:
        self.writer.write(data)
        async with asyncio.timeout(timeout):
            return await self.reader.readexactly(len(data))

    async def timed(self, data: bytes = b"hello") -> float:
        began = time.monotonic()
        assert await self.asks(data) == data
        return time.monotonic() - began

    async def silent(self, seconds: float = 0.2) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return not await self.reader.read(1)
        except TimeoutError:
            return True

    def resets(self) -> None:
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@contextlib.asynccontextmanager
async def calling(rig: Rig) -> AsyncIterator[Caller]:
    caller = Caller(*await asyncio.open_connection(*rig.address))
    try:
        yield caller
    finally:
        caller.writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await caller.writer.wait_closed()  # takes what ended it, which would be reported as never retrieved


@in_both_loops
async def test_bytes_pass_both_ways_and_the_end_too() -> None:
    async with serving(echo) as upstream, tapped("tcp", upstream) as rig:
        async with calling(rig) as caller:
            assert await caller.asks(b"x" * MB) == b"x" * MB
            caller.writer.write(b"last")
            caller.writer.write_eof()
            assert await caller.reader.read() == b"last"
        await aeventually(lambda: rig.flows and not rig.tap.connections)
        (flow,) = rig.flows
        assert (flow.op, flow.bytes, flow.link, flow.source, flow.target) == (
            "connection",
            2 * MB + 8,
            "a->b",
            "a",
            "b",
        )
        assert (flow.role, flow.conn) == ("connection", 1)


@in_both_loops
async def test_half_close_lets_the_answer_come_back_later() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.read()
        await asyncio.sleep(0.4)
        writer.write(asked[::-1])

    async with serving(slow) as upstream, tapped("tcp", upstream) as rig, calling(rig) as caller:
        caller.writer.write(b"abc")
        caller.writer.write_eof()
        assert await caller.reader.read() == b"cba"


@in_both_loops
async def test_half_close_is_no_giving_up_and_closing_is() -> None:
    gate = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await gate.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        await writer.drain()

    async with serving(slow) as upstream, tapped("http", upstream) as rig, calling(rig) as waits, calling(rig) as gone:
        waits.writer.write(b"GET /waits HTTP/1.1\r\nConnection: close\r\n\r\n")
        waits.writer.write_eof()
        gone.writer.write(b"GET /gone HTTP/1.1\r\n\r\n")
        gone.writer.close()
        await aeventually(lambda: rig.flows)
        assert [(flow.op, flow.outcome) for flow in rig.flows] == [("GET /gone", "lost")]
        gate.set()
        assert (await waits.reader.read()).endswith(b"hi")
        await aeventually(lambda: len(rig.flows) == 2)
        assert (rig.flows[1].op, rig.flows[1].status, rig.flows[1].outcome) == ("GET /waits", "200", "ok")


@in_both_loops
async def test_the_server_may_speak_first_and_the_client_early() -> None:
    async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello ")
        writer.write(await reader.readexactly(3))
        writer.write_eof()

    async with serving(greets) as upstream, tapped("tcp", upstream) as rig:
        for _ in range(50):
            async with calling(rig) as caller:
                caller.writer.write(b"you")
                assert await caller.reader.read() == b"hello you"


@in_both_loops
async def test_no_delay_is_set_on_both_sides() -> None:
    async with serving(echo) as upstream, tapped("tcp", upstream) as rig, calling(rig) as caller:
        await caller.asks()
        (sockets,) = rig.tap._live
        for peer in (sockets.client, sockets.server):
            assert peer._transport is not None
            sock = peer._transport.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@in_both_loops
async def test_a_provider_that_is_down_is_a_reset_and_a_refused_flow() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with tapped("http", taken.getsockname()) as rig, calling(rig) as caller:
            with pytest.raises(ConnectionResetError):
                await caller.reader.readexactly(1)
            (flow,) = rig.flows
            assert (flow.role, flow.op, flow.status, flow.outcome) == ("connection", "connect", "refused", "refused")
            assert "b does not answer" in flow.detail


@in_both_loops
@pytest.mark.parametrize("kind", ["blackhole", "partition"])
async def test_behind_a_blackhole_a_provider_that_is_down_is_silence_until_it_heals(kind: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with tapped("tcp", taken.getsockname()) as rig:
            fault = rig.fault(kind)
            async with calling(rig) as gone, calling(rig) as back:
                assert await gone.silent()
                assert rig.flows == []
                assert rig.plan.victims(fault.id) == 2
                rig.heal()
                for caller in (gone, back):
                    with pytest.raises(ConnectionResetError):
                        await caller.reader.readexactly(1)
                assert [flow.outcome for flow in rig.flows] == ["refused", "refused"]


@in_both_loops
async def test_behind_a_blackhole_a_provider_that_comes_back_is_reached_when_it_heals() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with serving(echo) as upstream, tapped("tcp", taken.getsockname()) as rig:
            rig.fault("blackhole")
            async with calling(rig) as caller:
                caller.writer.write(b"one")
                assert await caller.silent()
                rig.tap.set_upstream(*upstream)
                rig.heal()
                assert await caller.reader.readexactly(3) == b"one"


@in_both_loops
async def test_a_new_upstream_is_for_new_connections() -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readexactly(2)).upper())
        await reader.read()

    async with serving(echo) as first, serving(other) as second, tapped("tcp", first) as rig:
        async with calling(rig) as before, calling(rig) as after:
            assert await before.asks(b"hi") == b"hi"
            assert await after.asks(b"hi") == b"hi"
            rig.tap.set_upstream(*second)
            assert await before.asks(b"hi") == b"hi"
        async with calling(rig) as after:
            assert await after.asks(b"hi") == b"HI"


@in_both_loops
async def test_a_reset_is_passed_on_as_a_reset() -> None:
    seen: list[BaseException] = []
    gate = asyncio.Event()

    async def watching(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(2))
        try:
            await reader.read(1)
        except ConnectionResetError as error:
            seen.append(error)
            gate.set()

    async def cutting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(2)
        Caller(reader, writer).resets()

    async with serving(watching) as upstream, tapped("tcp", upstream) as rig, calling(rig) as caller:
        await caller.asks(b"hi")
        caller.resets()
        async with asyncio.timeout(5):
            await gate.wait()
        await aeventually(lambda: not rig.tap.connections)
    async with serving(cutting) as upstream, tapped("tcp", upstream) as rig, calling(rig) as caller:
        with pytest.raises(ConnectionResetError):
            await caller.asks(b"hi")


@in_both_loops
async def test_an_answer_before_the_body_was_read_reaches_who_still_sends() -> None:
    answer = b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nno\n"

    async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(answer)
        await asyncio.sleep(0)
        writer.close()  # on top of unread bytes: a reset

    async with serving(refuses) as upstream, tapped("http", upstream) as rig:
        for _ in range(20):
            async with calling(rig) as caller:
                caller.writer.write(b"POST /x HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 1_000_000)
                assert await caller.reader.readexactly(len(answer)) == answer
                with contextlib.suppress(ConnectionError):
                    caller.writer.write(b"x" * 1_000_000)
                    await caller.writer.drain()
                assert await caller.reader.read() == b""
        await aeventually(lambda: not rig.tap.connections)
        assert [(flow.op, flow.status, flow.outcome) for flow in rig.flows] == [("POST /x", "413", "ok")] * 20


@in_both_loops
async def test_a_slow_reader_holds_back_the_sender_and_not_the_memory() -> None:
    size = 64 * MB
    sent = 0

    async def floods(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        while sent < size:
            writer.write(bytes(MB))
            await writer.drain()
            sent += MB

    async with serving(floods) as upstream, tapped("tcp", upstream) as rig:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, rig.address)
        tracemalloc.start()
        try:
            stuck = -1
            while stuck != sent:
                stuck = sent
                await asyncio.sleep(0.2)
            assert sent < 24 * MB
            got = 0
            while piece := await loop.sock_recv(sock, 256 * 1024):
                got += len(piece)
            assert got == size
            assert tracemalloc.get_traced_memory()[1] < 12 * MB
        finally:
            tracemalloc.stop()
            sock.close()


@in_both_loops
async def test_what_waits_in_a_delay_is_bounded_too() -> None:
    async with serving(echo) as upstream, tapped("tcp", upstream) as rig, calling(rig) as caller:
        rig.fault("blackhole")
        sent = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                while True:
                    caller.writer.write(bytes(MB))
                    await caller.writer.drain()
                    sent += MB
        assert sent < 24 * MB
        rig.heal()
        async with asyncio.timeout(20):
            await caller.reader.readexactly(sent)


@in_both_loops
async def test_latency_takes_a_round_trip_longer_keeps_order_and_heals_at_once() -> None:
    async with serving(echo) as upstream, tapped("tcp", upstream) as rig, calling(rig) as caller:
        rig.fault("latency 200ms")
        assert await caller.timed() > 0.19
        rig.fault("latency 100ms jitter=100ms")
        numbers = b"".join(b"%06d" % n for n in range(2000))
        for start in range(0, len(numbers), 600):
            caller.writer.write(numbers[start : start + 600])
            await asyncio.sleep(0.001)
        assert await caller.reader.readexactly(len(numbers)) == numbers
        rig.heal()
        rig.fault("latency 20s")
        caller.writer.write(b"held")
        assert await caller.silent()
        rig.heal()
        async with asyncio.timeout(5):
            assert await caller.reader.readexactly(4) == b"held"


@in_both_loops
async def test_bandwidth() -> None:
    async with serving(echo) as upstream, tapped("tcp", upstream) as rig, calling(rig) as caller:
        rig.fault("bandwidth 100KB/s")
        assert await caller.timed(b"x" * 40_000) > 0.25
        caller.writer.write(b"x" * 10 * MB)
        await asyncio.sleep(0.1)
        rig.heal()
        async with asyncio.timeout(5):
            await caller.reader.readexactly(10 * MB)


@in_both_loops
async def test_a_blackhole_is_silence_and_what_was_held_flows_on() -> None:
    async with serving(echo) as upstream, tapped("tcp", upstream) as rig, calling(rig) as old:
        await old.asks()
        fault = rig.fault("blackhole")
        assert rig.plan.victims(fault.id) == 0
        old.writer.write(b"one")
        async with calling(rig) as new:
            new.writer.write(b"two")
            assert await old.silent()
            assert await new.silent()
            assert rig.plan.victims(fault.id) == 2, "each connection counts once, while it is held"
            rig.heal()
            assert await old.reader.readexactly(3) == b"one"
            assert await new.reader.readexactly(3) == b"two"
            await old.asks()


@in_both_loops
async def test_a_partition_is_a_blackhole_whichever_of_the_two_asks() -> None:
    async with serving(echo) as upstream, tapped("tcp", upstream) as rig, calling(rig) as caller:
        await caller.asks()
        rig.fault("partition")
        caller.writer.write(b"one")
        assert await caller.silent()
        rig.heal()
        assert await caller.reader.readexactly(3) == b"one"


@in_both_loops
async def test_a_reset_cuts_live_connections_once() -> None:
    async with serving(echo) as upstream, tapped("tcp", upstream) as rig, calling(rig) as one, calling(rig) as two:
        await one.asks()
        await two.asks()
        fault = rig.fault("reset")
        for caller in (one, two):
            with pytest.raises(ConnectionResetError):
                await caller.reader.readexactly(1)
        assert rig.plan.victims(fault.id) == 2
        assert rig.plan.active("a->b") == []
        assert [flow.faults for flow in rig.flows] == [(fault.id,)] * 2
        async with calling(rig) as caller:
            await caller.asks()


@in_both_loops
async def test_refuse_closes_the_port_and_heals_on_the_same_one() -> None:
    async with serving(echo) as upstream, tapped("tcp", upstream) as rig, calling(rig) as old:
        await old.asks()
        for cut in (1, 0, 0):
            fault = rig.fault("refuse")
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*rig.address)
            assert rig.plan.victims(fault.id) == cut, "a connection that was cut; a refused caller is seen by nobody"
            rig.heal()
            async with calling(rig) as caller:
                await caller.asks()
            await aeventually(lambda: not rig.tap.connections)
        with pytest.raises(ConnectionResetError):
            await old.reader.readexactly(1)


@in_both_loops
async def test_connect_hangs_until_it_heals() -> None:
    async with serving(echo) as upstream, tapped("tcp", upstream) as rig:
        rig.fault("connect-hang")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.open_connection(*rig.address), 0.3)
        waiting = asyncio.ensure_future(asyncio.open_connection(*rig.address))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        rig.heal()
        caller = Caller(*await asyncio.wait_for(waiting, 10))
        await caller.asks()
        caller.writer.close()
        assert not any(flow.outcome == "refused" for flow in rig.flows)


@in_both_loops
async def test_one_way_loses_replies_for_good() -> None:
    got = bytearray()

    async def records(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            got.extend(data)
            writer.write(data)

    async with (
        serving(records) as upstream,
        tapped("tcp", upstream) as rig,
        calling(rig) as caller,
        calling(rig) as idle,
    ):
        await caller.asks(b"1")
        await idle.asks(b"2")
        fault = rig.fault("one-way")
        for said in (b"3", b"4"):
            caller.writer.write(said)
            assert await caller.silent()
        assert got == b"1234"
        assert rig.plan.victims(fault.id) == 1, "a connection counts once, and only if a reply of it was lost"
        rig.heal()
        with pytest.raises(ConnectionResetError):
            await caller.reader.readexactly(1)
        await idle.asks(b"5")


@in_both_loops
async def test_what_the_caller_gave_up_on_is_lost_while_the_blackhole_lasts() -> None:
    async with serving(Web()) as upstream, tapped("http", upstream) as rig:
        fault = rig.fault("blackhole")
        async with calling(rig) as caller:
            caller.writer.write(b"GET /x HTTP/1.1\r\n\r\n")
            assert await caller.silent(0.1)
            caller.writer.close()
            await aeventually(lambda: rig.flows)
        (flow,) = rig.flows
        assert (flow.op, flow.outcome, flow.faults) == ("GET /x", "lost", (fault.id,))
        assert "gave up" in flow.detail
        assert rig.plan.victims(fault.id) == 1


@in_both_loops
async def test_what_a_blackhole_held_is_late_when_it_comes() -> None:
    async with serving(Web()) as upstream, tapped("http", upstream) as rig, calling(rig) as caller:
        fault = rig.fault("blackhole")
        caller.writer.write(b"GET /x HTTP/1.1\r\n\r\n")
        await aeventually(lambda: rig.plan.victims(fault.id))  # from here on the tap holds it
        assert await caller.silent(0.2)
        rig.heal()
        await caller.reader.readuntil(b"}")
        caller.writer.write(b"GET /y HTTP/1.1\r\n\r\n")
        await caller.reader.readuntil(b"}")
        assert [(f.op, f.outcome, f.faults) for f in rig.flows] == [
            ("GET /x", "late", (fault.id,)),
            ("GET /y", "ok", ()),
        ]
        assert rig.flows[0].ms is not None
        assert rig.flows[0].ms > 150


class Broken:
    """A session with a bug."""

    rewrites = False

    def observe(self, side: Side, data: bytes, now: float) -> list[Flow]:  # noqa: ARG002
        raise ZeroDivisionError("oops")

    def intercept(self, side: Side, data: bytes, now: float, strike: Strike) -> list[Effect]:  # noqa: ARG002
        self.kept = Send(side.other, data)
        raise ZeroDivisionError("oops")

    def held(self) -> bool:
        return False

    def release(self) -> list[Effect]:
        return [self.kept]

    def closed(self, side: Side, now: float) -> list[Flow]:  # noqa: ARG002
        raise ZeroDivisionError("oops")


@pytest.mark.parametrize("fault", ["", "status", "latency 10ms"])
@in_both_loops
async def test_a_session_that_fails_loses_no_byte_and_is_named_once(fault: str) -> None:
    async with serving(echo) as upstream, tapped("http", upstream) as rig:
        rig.tap._session = lambda _: Broken()
        if fault:
            rig.fault(fault)
        async with calling(rig) as caller:
            await caller.asks(b"one")
            await caller.asks(b"two")
        assert [(f.op, f.detail) for f in rig.flows][:1] == [("undecoded", "undecoded (ZeroDivisionError: oops)")]
        assert rig.ops().count("undecoded") == 1


@pytest.mark.parametrize("protocol", ["http", "redis", "amqp"])
@pytest.mark.parametrize("fault", ["", "reset x9 on nothing"])
@in_both_loops
async def test_another_protocol_passes_and_is_called_undecoded(protocol: str, fault: str) -> None:
    async with serving(echo) as upstream, tapped(protocol, upstream) as rig, calling(rig) as caller:
        if fault:
            rig.fault(fault)
        for garbage in (b"\x16\x03\x01\x00\xff" * 20, bytes(range(256)) * 300, b"\r\n\r\n"):
            assert await caller.asks(garbage) == garbage
        assert rig.ops() == ["undecoded"]
        assert rig.flows[0].detail.startswith("undecoded (")


HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x5a" * 506
"""A TLS ClientHello, as far as anybody looks; it has no line feed."""
PRIOR = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"


@pytest.mark.parametrize(
    ("protocol", "first", "says"),
    [
        *((protocol, HELLO, "TLS") for protocol in ("http", "redis", "amqp")),
        *((protocol, PRIOR, "HTTP/2") for protocol in ("http", "amqp")),
    ],
)
@pytest.mark.parametrize("fault", ["", "reset x9 on nothing"])
@in_both_loops
async def test_tls_and_http_2_are_named(protocol: str, first: bytes, says: str, fault: str) -> None:
    async with serving(echo) as upstream, tapped(protocol, upstream) as rig, calling(rig) as caller:
        if fault:
            rig.fault(fault)
        assert await caller.asks(first) == first
        assert [flow.op for flow in rig.flows] == ["undecoded"]
        assert rig.flows[0].detail.startswith(f"undecoded (this is {says}")


@pytest.mark.parametrize("protocol", ["http", "redis", "amqp"])
@in_both_loops
async def test_a_provider_that_wants_tls_is_named(protocol: str) -> None:
    """It answers what it cannot read with an alert."""
    asked = {"http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "redis": b"PING\r\n", "amqp": b"AMQP\0\0\x09\x01"}[protocol]
    alert = b"\x15\x03\x03\x00\x02\x02\x46"

    async def secret(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(alert)
        await writer.drain()

    async with serving(secret) as upstream, tapped(protocol, upstream) as rig, calling(rig) as caller:
        caller.writer.write(asked)
        assert await caller.reader.readexactly(len(alert)) == alert
        assert "undecoded (this is TLS" in "".join(flow.detail for flow in rig.flows)


@in_both_loops
async def test_faults_come_and_go_under_traffic_without_a_wrong_byte() -> None:
    async with serving(Web()) as upstream, tapped("http", upstream) as rig, calling(rig) as caller:
        for place in range(60):
            match place % 6:
                case 1:
                    rig.fault("latency 2ms jitter=2ms")
                case 2:
                    rig.fault('latency 1ms on "GET /n*"')
                case 3:
                    rig.fault("bandwidth 900KB/s")
                case 5:
                    rig.heal()
            caller.writer.write(b"GET /n%d HTTP/1.1\r\n\r\n" % place)
            async with asyncio.timeout(5):
                answer = await caller.reader.readuntil(b"}")
            assert b'"number": %d,' % (place + 1) in answer
        await aeventually(lambda: len(rig.flows) == 60)
        assert rig.ops() == [f"GET /n{n}" for n in range(60)]


@in_both_loops
async def test_closing_the_tap_leaves_no_port_and_no_connection() -> None:
    async with serving(echo) as upstream:
        async with tapped("tcp", upstream) as rig, calling(rig) as caller:
            await caller.asks()
            await rig.tap.close()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*rig.address)
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await caller.reader.readexactly(1)
        assert rig.tap.connections == 0
