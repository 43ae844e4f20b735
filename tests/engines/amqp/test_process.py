"""The broker as a process: how it starts, listens, says what it holds, and ends."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pika
import psutil
import pytest
from pamqp import body, commands, header

from lab.engines.amqp.protocol.status import SOCKET_NAME
from tests.brokers import EmbeddedBroker, PrivateBroker, free_port
from tests.engines.amqp.conftest import Client
from tests.engines.amqp.test_delivery import fetch, publish
from tests.engines.amqp.wire import Wire
from tests.waiting import eventually


def told(broker: PrivateBroker) -> dict[str, Any]:
    """The status a running broker tells."""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(str(broker.folder / "data" / SOCKET_NAME))
        answer: dict[str, Any] = json.loads(asked.makefile().read())
    return answer


def test_it_says_when_it_is_ready_and_stops_on_term(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "lab.engines.amqp", "--port", str(port), "--data", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"AMQP broker ready on 127.0.0.1:{port}\n"
        socket.create_connection(("127.0.0.1", port)).close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0


def test_a_taken_port_and_a_taken_folder_are_told(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path) as broker:
        data = str(tmp_path / "data")
        for port, folder, text in (
            (broker.port, str(tmp_path / "other"), "ddress already in use"),
            (free_port(), data, "another broker uses"),
        ):
            command = [sys.executable, "-m", "lab.engines.amqp", "--port", str(port), "--data", folder]
            refused = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
            assert refused.returncode == 1
            assert text in refused.stderr
            assert "Traceback" not in refused.stderr


def test_it_listens_on_ipv6_too(embedded_broker: PrivateBroker) -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 on this machine")
    pika.BlockingConnection(pika.ConnectionParameters("::1", embedded_broker.port)).close()


def test_it_tells_what_it_holds(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path) as broker:
        client = Client(broker)
        connection = client.connect(client_properties={"connection_name": "orders"})
        channel = connection.channel()
        exchange = client.exchange(channel, "topic", durable=True)
        queue = client.queue(channel, durable=True, arguments={"x-message-ttl": 60000})
        channel.queue_bind(queue, exchange, "a.#")
        publish(channel, queue, "one", "two", "three")
        fetch(channel, queue, 2)
        channel.basic_qos(prefetch_count=5)
        tag = channel.basic_consume(queue, print)
        status = told(broker)
        assert [(each["name"], each["state"], each["channels"]) for each in status["connections"]] == [
            ("orders", "running", 1)
        ]
        vhost = status["vhosts"]["/"]
        assert vhost["queues"] == [
            {
                "name": queue,
                "ready": 0,
                "unacked": 3,
                "bytes": 0,
                "consumers": 1,
                "durable": True,
                "auto_delete": False,
                "exclusive": False,
                "arguments": {"x-message-ttl": 60000},
            }
        ]
        assert [each["tag"] for each in vhost["consumers"]] == [tag]
        assert {
            "source": exchange,
            "destination": queue,
            "to": "queue",
            "routing_key": "a.#",
            "arguments": {},
        } in vhost["bindings"]
        assert {"amq.topic", exchange} <= {each["name"] for each in vhost["exchanges"]}
        connection.close()
        eventually(lambda: told(broker)["vhosts"]["/"]["queues"][0]["unacked"] == 0)


def test_it_is_small_and_holds_many_queues(tmp_path: Path) -> None:
    """10,000 queues, half of them durable; idle it takes less than 60 MB."""
    with EmbeddedBroker(tmp_path) as broker:
        assert psutil.Process(broker.server().pid).memory_info().rss < 60 << 20
        channel = Client(broker).channel()
        for number in range(10_000):
            channel.queue_declare(f"many.{number}", durable=number % 2 == 0)
        assert len(told(broker)["vhosts"]["/"]["queues"]) == 10_000
        for number in range(0, 10_000, 999):
            publish(channel, f"many.{number}", "x")
            assert [body for body, _, _ in fetch(channel, f"many.{number}")] == ["x"]
        for number in range(10_000):
            channel.queue_delete(f"many.{number}")


class FewFiles(EmbeddedBroker):
    """Started by somebody whose processes may open 256 files, as is usual on macOS."""

    def command(self) -> list[str]:
        return ["sh", "-c", 'ulimit -S -n 256; exec "$@"', "sh", *super().command()]


def test_500_clients_at_once(tmp_path: Path) -> None:
    """Each logs in, opens a channel and consumes from a queue of its own; each publishes to its neighbour.

    A connection in use takes less than 50 KB of the broker's memory, and all goes when they go.
    """
    with FewFiles(tmp_path) as broker, contextlib.ExitStack() as stack:
        process = psutil.Process(broker.server().pid)
        idle = process.memory_info().rss
        began = time.monotonic()
        wires = [stack.enter_context(Wire(broker.port).login()) for _ in range(500)]
        for wire in wires:
            wire.send(1, commands.Channel.Open(), commands.Queue.Declare(0, "", exclusive=True))
            wire.send(1, commands.Basic.Consume(0, "", no_ack=True))
        queues = []
        for wire in wires:
            wire.expect(commands.Channel.OpenOk)
            queues.append(wire.expect(commands.Queue.DeclareOk).queue)
            wire.expect(commands.Basic.ConsumeOk)
        status = told(broker)
        assert {each["state"] for each in status["connections"]} == {"running"}
        assert len(status["connections"]) == len(status["vhosts"]["/"]["consumers"]) == 500
        for number, wire in enumerate(wires):
            properties = commands.Basic.Properties(message_id=str(number))
            publish_frame = commands.Basic.Publish(0, "", queues[number - 1])
            wire.send(1, publish_frame, header.ContentHeader(0, 1, properties), body.ContentBody(b"x"))
        for number, wire in enumerate(wires):
            wire.expect(commands.Basic.Deliver)
            content = wire.expect(header.ContentHeader)
            assert content.properties.message_id == str((number + 1) % 500)
            wire.expect(body.ContentBody)
        assert (process.memory_info().rss - idle) / 500 < 50_000
        assert time.monotonic() - began < 30
        stack.close()
        eventually(lambda: told(broker)["connections"] == [] and told(broker)["vhosts"]["/"]["queues"] == [])
