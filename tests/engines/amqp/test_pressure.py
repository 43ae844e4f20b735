"""When clients send more than the broker can hold: bodies go to disk, publishers are blocked, others go on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import body, commands, header

from lab.engines.amqp.spill import Spill
from tests.brokers import EmbeddedBroker
from tests.engines.amqp.conftest import Client
from tests.engines.amqp.test_delivery import Inbox, ready
from tests.engines.amqp.wire import CAPABILITIES, Wire
from tests.waiting import eventually


class SmallBroker(EmbeddedBroker):
    """An embedded broker that has room for 2 MiB of messages."""

    def command(self) -> list[str]:
        return [*super().command(), "--memory-limit", "2"]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with SmallBroker(tmp_path) as broker:
        yield Client(broker)


def fill(wire: Wire, queue: str, octets: int, size: int) -> None:
    """Publishes bodies of `size`, each with its number in front."""
    for number in range(octets // size):
        content = str(number).encode().ljust(size, b".")
        wire.send(1, commands.Basic.Publish(0, "", queue), header.ContentHeader(0, size), body.ContentBody(content))


def test_bodies_beyond_memory_come_back_in_order(client: Client) -> None:
    """30 MB of bodies through a broker that has room for two: most wait on disk, and leave it."""
    channel = client.channel()
    queue = client.queue(channel)
    with Wire(client.port).login() as wire:
        wire.channel()
        fill(wire, queue, 30_000_000, 60_000)
        eventually(lambda: ready(channel, queue) == 500)
    inbox = Inbox(channel, queue, auto_ack=True)
    assert [int(each.rstrip(".")) for each in inbox.wait(500)] == list(range(500))


def test_a_publisher_is_blocked_until_there_is_room(client: Client) -> None:
    consumer = client.channel()
    queue = client.queue(consumer)
    with Wire(client.port).login() as wire:
        wire.channel()
        fill(wire, queue, 1_000_000, 200)  # small bodies are not worth a place on disk
        blocked = wire.expect(commands.Connection.Blocked)
        assert blocked.reason == "low on memory"
        eventually(lambda: consumer.basic_get(queue)[0])
        consumer.basic_recover(requeue=True)
        eventually(lambda: ready(consumer, queue) > 1000)
        consumer.queue_purge(queue)
        wire.expect(commands.Connection.Unblocked)
        wire.send(1, commands.Queue.Declare(0, queue, passive=True))
        wire.expect(commands.Queue.DeclareOk)


def test_a_client_that_knows_no_blocking_is_held_all_the_same(client: Client) -> None:
    consumer = client.channel()
    queue = client.queue(consumer)
    knows: dict[str, Any] = {**CAPABILITIES, "connection.blocked": False}
    with Wire(client.port).login(capabilities=knows) as wire:
        wire.channel()
        fill(wire, queue, 1_000_000, 200)
        wire.send(1, commands.Queue.Declare(0, queue, passive=True))
        with pytest.raises(TimeoutError):
            wire.read(0.5)
        consumer.queue_purge(queue)
        wire.expect(commands.Queue.DeclareOk)


def test_pika_hears_of_it(client: Client) -> None:
    connection = client.connect()
    channel = connection.channel()
    queue = client.queue(channel)
    heard: list[str] = []
    connection.add_on_connection_blocked_callback(lambda _, frame: heard.append(frame.method.reason))
    connection.add_on_connection_unblocked_callback(lambda *_: heard.append("unblocked"))
    for _ in range(6000):
        channel.basic_publish("", queue, b"x" * 200, pika.BasicProperties())
    eventually(lambda: (connection.process_data_events(0.01), heard)[1])
    client.channel().queue_purge(queue)
    eventually(lambda: (connection.process_data_events(0.01), heard[-1] == "unblocked")[1])
    assert heard[0] == "low on memory"


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=50), st.integers(0, 10)), max_size=40))
def test_the_spill_against_a_dictionary(steps: list[tuple[bytes, int]]) -> None:
    spill = Spill(None, file_bytes=100)
    held = []
    for content, choice in steps:
        held.append((spill.put(content), content))
        if choice < len(held):
            place, expected = held.pop(choice)
            assert spill.get(place) == expected
            spill.release(place)
    for place, expected in held:
        assert spill.get(place) == expected
        spill.release(place)
    assert len(spill._handles) <= 1, "files of released bodies are closed"
