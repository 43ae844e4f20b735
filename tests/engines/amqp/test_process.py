"""The broker as a process: how it starts, listens, says what it holds, and ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pika
import psutil
import pytest

from lab.engines.amqp.status import SOCKET_NAME
from tests.brokers import EmbeddedBroker, PrivateBroker, free_port
from tests.engines.amqp.conftest import Client
from tests.engines.amqp.test_delivery import fetch, publish
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


def test_it_is_small_and_holds_many(tmp_path: Path) -> None:
    """500 connections and 10,000 queues, each in use; idle it takes less than 60 MB."""
    with EmbeddedBroker(tmp_path) as broker:
        assert psutil.Process(broker.server().pid).memory_info().rss < 60 << 20
        client = Client(broker)
        channel = client.channel()
        for number in range(10_000):
            channel.queue_declare(f"many.{number}", durable=number % 2 == 0)
        links = [socket.create_connection(("127.0.0.1", broker.port)) for _ in range(490)]
        connections = [client.connect() for _ in range(10)]
        eventually(lambda: len(told(broker)["connections"]) >= 11)
        for number, connection in enumerate(connections):
            publish(connection.channel(), f"many.{number * 999}", "x")
            assert [body for body, _, _ in fetch(channel, f"many.{number * 999}")] == ["x"]
        for number in range(10_000):
            channel.queue_delete(f"many.{number}")
        for link in links:
            link.close()
