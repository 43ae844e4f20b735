"""What a tap costs, each figure against the direct connection in the same run. Prints one table; takes about a minute.

    python -m benchmarks.taps [--rounds 5] [--asyncio] [--no-amqp]

One process holds the taps of all links and writes every flow to a journal, as the runtime does. Promised: at most
0.15 ms added to a median round trip, at least 15,000 decoded requests a second, less than 60 MB. Rounds alternate
between direct and tapped, and the best of each counts: what disturbs a measurement only ever makes it slower.

CPU is compared with the floor, a proxy in the same loop that copies bytes and does nothing else: medians of all rounds,
taken in turn, since a busy machine makes both dearer.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import psutil

from tests.brokers import RabbitNode, free_port, rabbitmq_installed
from tests.waiting import eventually

Address = tuple[str, int]

GET = b"*2\r\n$3\r\nGET\r\n$6\r\nuser:7\r\n"
ASK = (
    b"GET /users/7 HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n"
    b"Connection: keep-alive\r\nUser-Agent: python-httpx/0.28.1\r\n"
    b"X-Request-ID: 8d8ac610-566d-4ef0-9c22-186b2a5ed793\r\n\r\n"
)
BODY = b'{"id": 7, "name": "Aziza", "email": "aziza@example.uz"}'
ANSWER = (
    b"HTTP/1.1 200 OK\r\ndate: Mon, 06 Jan 2025 09:00:00 GMT\r\nserver: uvicorn\r\n"
    b"content-length: %d\r\ncontent-type: application/json\r\n\r\n%s" % (len(BODY), BODY)
)
PROMISED = {"added": 150.0, "rate": 15_000.0, "rss": 60.0}


@dataclass
class Row:
    """One link: round trips in µs and rates in 1/s, direct and tapped, one figure a round; CPU of the tap and of the
    proxy that only copies in µs a request."""

    name: str
    direct: list[float] = field(default_factory=list)
    tapped: list[float] = field(default_factory=list)
    direct_rate: list[float] = field(default_factory=list)
    tapped_rate: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    copy_cpu: list[float] = field(default_factory=list)


class Proxies:
    """A process of proxies, `taps` or `copies`; `upstreams` maps a protocol to its provider."""

    def __init__(self, role: str, upstreams: dict[str, Address], journal: Path, uvloop: bool) -> None:
        argv = [sys.executable, "-m", "benchmarks.taps", "--role", role, "--journal", str(journal)]
        argv += ["--upstreams", json.dumps(upstreams)] + ([] if uvloop else ["--asyncio"])
        self._process = subprocess.Popen(argv, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.ports: dict[str, int] = json.loads(self._process.stdout.readline())
        self._info = psutil.Process(self._process.pid)

    def address(self, protocol: str) -> Address:
        return "127.0.0.1", self.ports[protocol]

    def cpu(self) -> float:
        times = self._info.cpu_times()
        return times.user + times.system

    def rss(self) -> float:
        return self._info.memory_info().rss / 1e6

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--asyncio", action="store_true", help="asyncio's own loop in place of uvloop")
    parser.add_argument("--no-amqp", action="store_true")
    parser.add_argument("--role", default="", help=argparse.SUPPRESS)
    parser.add_argument("--journal", help=argparse.SUPPRESS)
    parser.add_argument("--upstreams", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=1.0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    match args.role:
        case "taps":
            _run(_hold_taps(json.loads(args.upstreams), Path(args.journal)), not args.asyncio)
        case "copies":
            _run(_hold_copies(json.loads(args.upstreams)), not args.asyncio)
        case "web":
            _run(_serve_web(), True)
        case "load":
            print(_run(_flood(args.port, args.seconds), True))
        case _:
            compare(args.rounds, uvloop=not args.asyncio, amqp=not args.no_amqp)


def compare(rounds: int, *, uvloop: bool, amqp: bool) -> None:
    """Measure and print the table."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstreams: dict[str, Address] = {"http": stack.enter_context(_web())}
        if shutil.which("redis-server") and shutil.which("redis-benchmark"):
            upstreams["redis"] = stack.enter_context(_redis(folder))
        if find_spec("grpc") is not None:
            upstreams["grpc"] = stack.enter_context(_users())
        if amqp and rabbitmq_installed():
            upstreams["amqp"] = ("127.0.0.1", stack.enter_context(RabbitNode(folder / "rabbitmq")).port)
        taps = Proxies("taps", upstreams, folder / "journal.ndjson", uvloop)
        stack.callback(taps.close)
        copies = Proxies("copies", upstreams, folder / "journal.ndjson", uvloop)
        stack.callback(copies.close)
        fresh = taps.rss()

        rows = []
        if "redis" in upstreams:
            row = Row("redis GET")
            rows.append(_measure(row, upstreams["redis"], taps, copies, "redis", rounds, GET, b"\r\n", _redis_rate))
        row = Row("http GET")
        rows.append(_measure(row, upstreams["http"], taps, copies, "http", rounds, ASK, BODY, _http_rate))
        if "grpc" in upstreams:
            rows.append(_measure_grpc(upstreams["grpc"], taps, copies, rounds))
        if "amqp" in upstreams:
            rows += _measure_amqp(upstreams["amqp"], taps, copies, min(rounds, 3))
        _print(rows, fresh, taps.rss(), folder / "journal.ndjson")


def _measure(
    row: Row,
    upstream: Address,
    taps: Proxies,
    copies: Proxies,
    protocol: str,
    rounds: int,
    ask: bytes,
    end: bytes,
    rate: Callable[[int], tuple[float, int]],
) -> Row:
    tap = taps.address(protocol)
    for _ in range(rounds):
        row.direct.append(_round_trip(upstream, ask, end))
        row.tapped.append(_round_trip(tap, ask, end))
        row.direct_rate.append(rate(upstream[1])[0])
        before = taps.cpu()
        speed, requests = rate(tap[1])
        row.tapped_rate.append(speed)
        row.cpu.append((taps.cpu() - before) / requests * 1e6)
        before = copies.cpu()
        _, requests = rate(copies.address(protocol)[1])
        row.copy_cpu.append((copies.cpu() - before) / requests * 1e6)
    return row


def _round_trip(address: Address, ask: bytes, end: bytes, count: int = 1500) -> float:
    """The median of so many round trips on one connection, µs."""
    times = []
    with socket.create_connection(address) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            began = time.perf_counter()
            sock.sendall(ask)
            answer = b""
            while not answer.endswith(end):
                answer += sock.recv(65536)
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e6


def _redis_rate(port: int, requests: int = 60_000) -> tuple[float, int]:
    argv = ["redis-benchmark", "-p", str(port), "-c", "50", "-n", str(requests), "--csv", "GET", "user:7"]
    lines = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    return float(lines[-1].split(",")[-7].strip('"')), requests


def _http_rate(port: int) -> tuple[float, int]:
    argv = [sys.executable, "-m", "benchmarks.taps", "--role", "load", "--port", str(port), "--seconds", "1.5"]
    done, seconds = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    return done / seconds, done


def _measure_grpc(upstream: Address, taps: Proxies, copies: Proxies, rounds: int) -> Row:
    row = Row("grpc call")
    for _ in range(rounds):
        median, rate, _ = _grpc(upstream)
        row.direct.append(median)
        row.direct_rate.append(rate)
        before = taps.cpu()
        median, rate, calls = _grpc(taps.address("grpc"))
        row.tapped.append(median)
        row.tapped_rate.append(rate)
        row.cpu.append((taps.cpu() - before) / calls * 1e6)
        before = copies.cpu()
        *_, calls = _grpc(copies.address("grpc"))
        row.copy_cpu.append((copies.cpu() - before) / calls * 1e6)
    return row


def _grpc(address: Address, one_by_one: int = 500, at_once: int = 2000) -> tuple[float, float, int]:
    """Median of a call in µs; calls a second, 50 at once; how many there were."""
    import grpc

    with grpc.insecure_channel(f"{address[0]}:{address[1]}") as channel:
        call = channel.unary_unary("/shop.v1.Users/Get")
        call(BODY, timeout=10)
        times = []
        for _ in range(one_by_one):
            began = time.perf_counter()
            call(BODY, timeout=10, metadata=[("x-request-id", "8d8ac610-566d-4ef0-9c22-186b2a5ed793")])
            times.append(time.perf_counter() - began)
        began = time.perf_counter()
        for _ in range(at_once // 50):
            for answer in [call.future(BODY, timeout=10) for _ in range(50)]:
                answer.result()
        rate = at_once / (time.perf_counter() - began)
    return statistics.median(times) * 1e6, rate, one_by_one + at_once


def _measure_amqp(upstream: Address, taps: Proxies, copies: Proxies, rounds: int) -> list[Row]:
    confirm, publish, consume = Row("amqp publish + confirm"), Row("amqp publish"), Row("amqp consume + ack")
    for _ in range(rounds):
        for address, tapped in ((upstream, False), (taps.address("amqp"), True)):
            before = taps.cpu()
            confirmed, published, consumed, messages = _amqp(address)
            if tapped:
                publish.cpu.append((taps.cpu() - before) / messages * 1e6)
            (confirm.tapped if tapped else confirm.direct).append(confirmed)
            (publish.tapped_rate if tapped else publish.direct_rate).append(published)
            (consume.tapped_rate if tapped else consume.direct_rate).append(consumed)
        before = copies.cpu()
        *_, messages = _amqp(copies.address("amqp"))
        publish.copy_cpu.append((copies.cpu() - before) / messages * 1e6)
    return [confirm, publish, consume]


def _amqp(address: Address, messages: int = 5000) -> tuple[float, float, float, int]:
    """Median of publish and confirm in µs; messages a second published, and consumed with an ack each."""
    import pika

    connection: Any = pika.BlockingConnection(pika.ConnectionParameters(*address))
    channel = connection.channel()
    channel.queue_declare("bench", auto_delete=False)
    channel.queue_purge("bench")
    properties = pika.BasicProperties(message_id="m-1", correlation_id="c-1", content_type="application/json")
    began = time.perf_counter()
    for _ in range(messages):
        channel.basic_publish("", "bench", BODY, properties)
    eventually(lambda: channel.queue_declare("bench", passive=True).method.message_count == messages, every=0.001)
    published = messages / (time.perf_counter() - began)

    channel.basic_qos(prefetch_count=100)
    began = time.perf_counter()
    for taken, (method, _, _) in enumerate(channel.consume("bench"), start=1):
        channel.basic_ack(method.delivery_tag)
        if taken == messages:
            break
    channel.queue_declare("bench", passive=True)
    consumed = messages / (time.perf_counter() - began)
    channel.cancel()

    channel.confirm_delivery()
    times = []
    for _ in range(400):
        began = time.perf_counter()
        channel.basic_publish("", "bench", BODY, properties)
        times.append(time.perf_counter() - began)
    connection.close()
    return statistics.median(times) * 1e6, published, consumed, messages * 3 + 400 * 2


def _print(rows: list[Row], fresh: float, after: float, journal: Path) -> None:
    head = ("link", "p50 direct", "tapped", "added µs", "1/s direct", "tapped", "tap CPU µs", "copy CPU µs", "ratio")
    print("".join(f"{name:>12}" if place else f"{name:<24}" for place, name in enumerate(head)))
    for row in rows:
        direct, tapped = min(row.direct, default=0.0), min(row.tapped, default=0.0)
        added = tapped - direct
        cpu, copy = (statistics.median(times) if times else 0.0 for times in (row.cpu, row.copy_cpu))
        cells: list[float] = [direct, tapped, added, max(row.direct_rate, default=0), max(row.tapped_rate, default=0)]
        print(f"{row.name:<24}" + "".join(f"{cell:>12,.0f}" if cell else f"{'–':>12}" for cell in cells), end="")
        cells = [cpu, copy, cpu / copy if copy else 0.0]
        print("".join(f"{cell:>12,.1f}" if cell else f"{'–':>12}" for cell in cells))
        for what, value, good in (
            ("added", added, added <= PROMISED["added"]),
            ("rate", max(row.tapped_rate, default=0), max(row.tapped_rate, default=0) >= PROMISED["rate"]),
        ):
            if value and not good and not (what == "rate" and row.name.startswith(("amqp", "grpc"))):
                print(f"    missed: {what} of {value:,.0f} against {PROMISED[what]:,.0f}")
    lines = sum(1 for _ in journal.open("rb"))
    print(f"memory of the taps' process: {fresh:.0f} MB at the start, {after:.0f} MB after {lines:,} journaled flows")
    print(f"the machine: {os.cpu_count()} cores, a load of {os.getloadavg()[0]:.1f} (a quiet one has about 2 here)")
    if after >= PROMISED["rss"]:
        print(f"    missed: {PROMISED['rss']:.0f} MB")


# -- the processes


def _run(main: Any, uvloop: bool) -> Any:
    if not uvloop:
        return asyncio.run(main)
    import uvloop as fast

    return fast.run(main)


async def _hold_taps(upstreams: dict[str, Address], path: Path) -> None:
    from lab.faults.plan import Plan
    from lab.journal.journal import Journal
    from lab.system.model import Link
    from lab.wire.tap import Tap

    journal, plan = Journal(path), Plan()
    ports = {}
    for protocol, (host, port) in upstreams.items():
        tap = Tap(
            link=Link(source="client", target=protocol, protocol="tcp"),
            protocol=protocol,
            upstream=(host, port),
            plan=plan,
            emit=journal.append,
            now=journal.now,
        )
        await tap.start()
        ports[protocol] = tap.port
    print(json.dumps(ports), flush=True)
    while True:
        await asyncio.sleep(0.05)
        journal.flush()


class _Copying(asyncio.Protocol):
    """One side of a proxy that does nothing else; the floor under every tap."""

    other: _Copying
    transport: asyncio.Transport | None = None
    early = b""
    """What came before the other side was there: a server of HTTP/2 speaks first."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.transport.write(self.other.early)

    def data_received(self, data: bytes) -> None:
        if self.other.transport is None:
            self.early += data
        else:
            self.other.transport.write(data)

    def connection_lost(self, _: Exception | None) -> None:
        if self.other.transport is not None:
            self.other.transport.close()


async def _hold_copies(upstreams: dict[str, Address]) -> None:
    loop = asyncio.get_running_loop()

    async def admit(sock: socket.socket, upstream: Address) -> None:
        client, server = _Copying(), _Copying()
        client.other, server.other = server, client
        await loop.create_connection(lambda: server, *upstream)
        await loop.connect_accepted_socket(lambda: client, sock)

    async def listen(listening: socket.socket, upstream: Address) -> None:
        admitting = set()
        while True:
            sock, _ = await loop.sock_accept(listening)
            admitting.add(asyncio.ensure_future(admit(sock, upstream)))

    ports, serving = {}, []
    for protocol, (host, port) in upstreams.items():
        listening = socket.create_server(("127.0.0.1", 0), backlog=500)
        listening.setblocking(False)
        ports[protocol] = listening.getsockname()[1]
        serving.append(listen(listening, (host, port)))
    print(json.dumps(ports), flush=True)
    await asyncio.gather(*serving)


class _Web(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER * data.count(b"\r\n\r\n"))


async def _serve_web() -> None:
    server = await asyncio.get_running_loop().create_server(_Web, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class _Asking(asyncio.Protocol):
    def __init__(self, done: list[int]) -> None:
        self.done = done
        self.got = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(ASK)

    def data_received(self, data: bytes) -> None:
        self.got += len(data)
        if self.got == len(ANSWER):
            self.got = 0
            self.done[0] += 1
            self.transport.write(ASK)


async def _flood(port: int, seconds: float) -> list[float]:
    done = [0]
    loop = asyncio.get_running_loop()
    for _ in range(32):
        await loop.create_connection(lambda: _Asking(done), "127.0.0.1", port)
    began, already = time.perf_counter(), done[0]
    await asyncio.sleep(seconds)
    return [done[0] - already, time.perf_counter() - began]


@contextlib.contextmanager
def _web() -> Iterator[Address]:
    argv = [sys.executable, "-m", "benchmarks.taps", "--role", "web"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield "127.0.0.1", int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _users() -> Iterator[Address]:
    argv = [sys.executable, "-m", "tests.wire.grpc.users", "0"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield "127.0.0.1", int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _redis(folder: Path) -> Iterator[Address]:
    port = free_port()
    argv = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)

    def answers() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(b"SET user:7 %s\r\n" % (b"x" * 64))
            return sock.recv(100) == b"+OK\r\n"
        return False

    try:
        eventually(answers)
        yield "127.0.0.1", port
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
