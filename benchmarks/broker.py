"""How fast the embedded AMQP broker is, beside a private RabbitMQ in the same run: `python -m benchmarks.broker`.

Publisher and consumer are processes of their own with pika's BlockingConnection, as a learner's services would be, so
the figures are what such services see on this machine, not the limit of either broker. Each measure is taken in several
rounds that alternate between the brokers; the table shows the median. Rounds differ by up to a quarter: less is a tie.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import platform
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pamqp.frame
import pika
import psutil
from pika.adapters.blocking_connection import BlockingChannel

from tests.brokers import HEADER, EmbeddedBroker, PrivateBroker, RabbitNode, rabbitmq_installed

PREFETCH = 100
SPAWN = multiprocessing.get_context("spawn")
Figures = dict[str, float]


@dataclass(frozen=True)
class Load:
    """`messages` of `size` octets from one publisher over `queues` to one consumer that acknowledges each."""

    title: str
    size: int
    messages: int
    confirms: bool = False
    persistent: bool = False
    queues: int = 1
    beside: bool = False
    """While another client has stopped reading what is sent to it."""


LOADS = [
    Load("200 B, plain", 200, 20_000),
    Load("1 KiB, plain", 1024, 20_000),
    Load("200 B, confirm each", 200, 5_000, confirms=True),
    Load("1 KiB, confirm each", 1024, 5_000, confirms=True),
    Load("200 B, persistent, confirm each", 200, 2_000, confirms=True, persistent=True),
    Load("1 KiB, persistent, confirm each", 1024, 2_000, confirms=True, persistent=True),
    Load("1 KiB, fan-out to 10, plain", 1024, 2_000, queues=10),
    Load("1 KiB, plain, beside a client that stopped reading", 1024, 20_000, beside=True),
]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.broker", description=__doc__.split("\n")[0] if __doc__ else ""
    )
    parser.add_argument("--quick", action="store_true", help="one short round instead of three: under a minute")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="only the loads whose title contains this")
    options = parser.parse_args()
    rounds, share = (1, 5) if options.quick else (options.rounds, 1)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lab-benchmark-")))
        brokers: list[PrivateBroker] = [EmbeddedBroker(folder / "embedded")]
        if rabbitmq_installed():
            brokers.insert(0, RabbitNode(folder / "rabbitmq"))
        table = Table([broker.name for broker in brokers])
        for broker in brokers:
            seconds = broker.start()
            stack.push(broker.__exit__)
            table.add("start to first greeting, s", broker.name, seconds, better="less")
        print(circumstances(brokers))
        time.sleep(0 if options.quick else 5)  # let the nodes settle: memory is read when nothing happens
        for broker in brokers:
            table.add("resident memory, idle, MB", broker.name, _resident(broker), better="less")
        for _ in range(rounds):
            for title, measure in _measures(options.only, share):
                for broker in brokers:
                    for unit, value in measure(broker).items():
                        table.add(
                            f"{title}: {unit}", broker.name, value, better="more" if unit.endswith("/s") else "less"
                        )
        for broker in brokers:
            table.add("resident memory, after, MB", broker.name, _resident(broker), better="less")
    print(table.markdown())


class Table:
    """Values by row and broker; a row shows medians and, of two brokers, how the last compares with the first."""

    def __init__(self, brokers: list[str]) -> None:
        self._brokers = brokers
        self._rows: dict[str, dict[str, list[float]]] = {}
        self._better: dict[str, str] = {}

    def add(self, row: str, broker: str, value: float, better: str) -> None:
        self._rows.setdefault(row, {name: [] for name in self._brokers})[broker].append(value)
        self._better[row] = better

    def markdown(self) -> str:
        compared = len(self._brokers) == 2
        lines = [["measure", *self._brokers, *(["ratio", "better is"] if compared else [])]]
        lines.append(["---"] * len(lines[0]))
        for row, values in self._rows.items():
            medians = [statistics.median(values[broker]) for broker in self._brokers]
            ratio = [f"{medians[1] / medians[0]:.2f}" if medians[0] else "–", self._better[row]] if compared else []
            lines.append([row, *(f"{median:,.0f}" if median >= 100 else f"{median:.2f}" for median in medians), *ratio])
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def circumstances(brokers: list[PrivateBroker]) -> str:
    """What a reader needs to compare this table with another one."""
    greetings = [f"{broker.name} {_version(broker.port)}" for broker in brokers]
    cores, busy = psutil.cpu_count(), psutil.getloadavg()[0]
    machine = (
        f"Python {platform.python_version()}, pika {pika.__version__}, {cores} cores, load average before {busy:.1f}"
    )
    return f"{', '.join(greetings)}; {machine}\n"


def _version(port: int) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        sock.sendall(HEADER)
        start: Any = pamqp.frame.unmarshal(sock.recv(65536))[2]
        return str(start.server_properties["version"])


def _measures(only: str, share: int) -> list[tuple[str, Callable[[PrivateBroker], Figures]]]:
    loads = [load for load in LOADS if only in load.title]
    measures: list[tuple[str, Callable[[PrivateBroker], Figures]]] = [
        (load.title, partial(_throughput, load=load, messages=load.messages // share)) for load in loads
    ]
    if not only:
        measures += [
            (f"{size} B through an echo process", partial(_echo, size=size, count=2_000 // share))
            for size in (200, 1024)
        ]
        measures += [
            (f"{size} B publish to confirm", partial(_confirm, size=size, count=2_000 // share)) for size in (200, 1024)
        ]
        measures.append(("connect and open a channel", partial(_connect, count=100 // share)))
    return measures


def _throughput(broker: PrivateBroker, load: Load, messages: int) -> Figures:
    """Deliveries a second from the first publish to the last one received, and the broker's CPU time."""
    with contextlib.ExitStack() as stack:
        channel = stack.enter_context(channel_to(broker.port))
        if load.beside:
            stopped = stack.enter_context(process(_stop_reading, broker.port))
            stack.callback(stopped.send, "end")
            stopped.recv()
        channel.exchange_declare("bench", "fanout", durable=load.persistent)
        queues = [f"bench-{number}" for number in range(load.queues)]
        for queue in queues:
            channel.queue_declare(queue, durable=load.persistent)
            channel.queue_bind(queue, "bench")
        with process(_consume, broker.port, queues, messages * load.queues) as consumer:
            consumer.recv()
            with process(_publish, broker.port, load, messages) as publisher:
                publisher.recv()
                cpu = _cpu_seconds(broker)
                publisher.send("go")
                began, published = publisher.recv()
                ended = consumer.recv()
                cpu = _cpu_seconds(broker) - cpu
        for queue in queues:
            channel.queue_delete(queue)
        channel.exchange_delete("bench")
    deliveries = "deliveries/s" if load.queues > 1 else "messages/s"
    return {
        deliveries: messages * load.queues / (ended - began),
        "publisher alone, messages/s": messages / (published - began),
        "broker CPU ms per 1,000 published": cpu / messages * 1e6,
    }


def _echo(broker: PrivateBroker, size: int, count: int) -> Figures:
    """Milliseconds from a publish to the answer of another process."""
    body = bytes(size)
    times = []
    with channel_to(broker.port) as channel, process(_answer, broker.port) as echo:
        echo.recv()
        channel.queue_declare("bench-answers", exclusive=True)
        answers = channel.consume("bench-answers", auto_ack=True)
        for _ in range(count):
            began = time.monotonic()
            channel.basic_publish("", "bench-requests", body)
            next(answers)
            times.append(time.monotonic() - began)
        channel.cancel()
        channel.queue_delete("bench-requests")  # which ends the process
        echo.recv()
    return _percentiles(times)


def _confirm(broker: PrivateBroker, size: int, count: int) -> Figures:
    """Milliseconds from a publish to its confirm, nobody consuming."""
    body = bytes(size)
    times = []
    with channel_to(broker.port) as channel:
        channel.queue_declare("bench-confirms", exclusive=True)
        channel.confirm_delivery()
        for _ in range(count):
            began = time.monotonic()
            channel.basic_publish("", "bench-confirms", body)
            times.append(time.monotonic() - began)
        channel.queue_delete("bench-confirms")
    return _percentiles(times)


def _connect(broker: PrivateBroker, count: int) -> Figures:
    times = []
    for _ in range(count):
        began = time.monotonic()
        with channel_to(broker.port):
            times.append(time.monotonic() - began)
    return _percentiles(times)


def _percentiles(seconds: list[float]) -> Figures:
    cuts = statistics.quantiles(seconds, n=100)
    return {"p50 ms": cuts[49] * 1000, "p99 ms": cuts[98] * 1000}


def _consume(pipe: Connection, port: int, queues: list[str], count: int) -> None:
    left = count

    def on_message(channel: BlockingChannel, method: Any, _properties: object, _body: bytes) -> None:
        nonlocal left
        channel.basic_ack(method.delivery_tag)
        left -= 1
        if left == 0:
            channel.stop_consuming()

    with channel_to(port) as channel:
        channel.basic_qos(prefetch_count=PREFETCH)
        for queue in queues:
            channel.basic_consume(queue, on_message)
        pipe.send("ready")
        channel.start_consuming()
        pipe.send(time.monotonic())


def _publish(pipe: Connection, port: int, load: Load, messages: int) -> None:
    body = bytes(load.size)
    properties = pika.BasicProperties(delivery_mode=2 if load.persistent else 1)
    with channel_to(port) as channel:
        if load.confirms:
            channel.confirm_delivery()
        pipe.send("ready")
        pipe.recv()
        began = time.monotonic()
        for _ in range(messages):
            channel.basic_publish("bench", "", body, properties)
        pipe.send((began, time.monotonic()))


def _stop_reading(pipe: Connection, port: int) -> None:
    """30 MB are on their way here, and nobody takes them."""
    channel = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port)).channel()
    channel.queue_declare("bench-stopped", exclusive=True)
    for _ in range(300):
        channel.basic_publish("", "bench-stopped", bytes(100_000))
    channel.basic_consume("bench-stopped", lambda *_: None, auto_ack=True)
    pipe.send("stopped")
    pipe.recv()
    os._exit(0)  # an orderly end would begin with reading all of it


def _answer(pipe: Connection, port: int) -> None:
    def on_request(channel: BlockingChannel, _method: object, _properties: object, body: bytes) -> None:
        channel.basic_publish("", "bench-answers", body)

    with channel_to(port) as channel:
        channel.queue_declare("bench-requests")
        channel.basic_consume("bench-requests", on_request, auto_ack=True)
        pipe.send("ready")
        channel.start_consuming()
        pipe.send("done")


@contextlib.contextmanager
def channel_to(port: int) -> Any:
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port, heartbeat=0))
    try:
        yield connection.channel()
    finally:
        connection.close()


@contextlib.contextmanager
def process(work: Callable[..., None], *arguments: object) -> Any:
    """`work(pipe, *arguments)` in a process of its own; the pipe's other end. Gone at the end."""
    here, there = SPAWN.Pipe()
    process = SPAWN.Process(target=work, args=(there, *arguments), daemon=True)
    process.start()
    there.close()
    try:
        yield here
    finally:
        process.join(5)
        process.kill()
        process.join()


def _cpu_seconds(broker: PrivateBroker) -> float:
    times = broker.server().cpu_times()
    return float(times.user + times.system)


def _resident(broker: PrivateBroker) -> float:
    return broker.server().memory_info().rss / 1e6


if __name__ == "__main__":
    main()
