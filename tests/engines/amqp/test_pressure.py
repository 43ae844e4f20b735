"""When clients send more than the broker can hold: bodies go to disk, publishers are blocked, others go on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pamqp import body, commands, frame, header

from lab.engines.amqp.core.turns import TURN
from tests.brokers import EmbeddedBroker
from tests.engines.amqp.conftest import Client
from tests.engines.amqp.test_delivery import Inbox, ready
from tests.engines.amqp.test_process import told
from tests.engines.amqp.wire import Wire
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


def test_few_frames_that_ask_for_much_wait_for_their_client(tmp_path: Path) -> None:
    """A client fetches 100 MB in one breath and reads nothing: little of that is held for it, and it gets all later."""
    with EmbeddedBroker(tmp_path) as broker, Wire(broker.port).login() as wire, Wire(broker.port).login() as other:
        wire.channel()
        wire.send(1, commands.Queue.Declare(0, "", exclusive=True))
        queue = wire.expect(commands.Queue.DeclareOk).queue
        fill(wire, queue, 100_000_000, 100_000)
        wire.send(1, commands.Queue.Declare(0, queue, passive=True))
        assert wire.expect(commands.Queue.DeclareOk).message_count == 1000
        process = psutil.Process(broker.server().pid)
        before = process.memory_info().rss
        wire.send(1, *[commands.Basic.Get(0, queue, no_ack=True)] * 1000, commands.Queue.Purge(0, queue))
        other.channel()
        assert process.memory_info().rss - before < 60 << 20
        assert told(broker)["memory"] > 60_000_000, "most were not fetched yet"
        got = 0
        while got < 1000:
            seen = wire.read()
            assert seen is not None
            got += isinstance(seen[1], body.ContentBody)
        assert wire.expect(commands.Queue.PurgeOk).message_count == 0
        wire.send(1, commands.Basic.Qos())
        wire.expect(commands.Basic.QosOk)


def test_a_client_whose_last_turn_needs_no_answer_is_read_from_again(client: Client) -> None:
    """It is not read from while something of it is left to do; the end of that says nothing to it."""
    with Wire(client.port).login() as wire:
        wire.channel()
        declare = commands.Queue.Declare(0, "", exclusive=True)
        answered_by_nothing = [commands.Basic.Publish(0, "", "nowhere"), header.ContentHeader(0, 0)]
        wire.send(1, declare, *answered_by_nothing * (2 * TURN))
        wire.expect(commands.Queue.DeclareOk)
        wire.send(1, declare)
        wire.expect(commands.Queue.DeclareOk)


def test_a_client_that_sends_faster_than_it_is_served_has_to_wait(tmp_path: Path) -> None:
    """What it sends stays in its own socket, though nothing is ever said to it."""
    asked = frame.marshal(commands.Exchange.Declare(0, "amq.direct", passive=True, nowait=True), 1) * 10_000
    with EmbeddedBroker(tmp_path) as broker, Wire(broker.port, timeout=60).login() as wire:
        wire.channel()
        process = psutil.Process(broker.server().pid)
        before = process.memory_info().rss
        for _ in range(25):
            wire.raw(asked)
            assert process.memory_info().rss - before < 6 << 20


def asked(asker: Wire, replier: Wire) -> str:
    """Where replies to `asker` go."""
    asker.channel()
    asker.send(1, commands.Basic.Consume(0, "amq.rabbitmq.reply-to", no_ack=True))
    asker.expect(commands.Basic.ConsumeOk)
    replier.channel()
    replier.send(1, commands.Queue.Declare(0, "", exclusive=True))
    queue = replier.expect(commands.Queue.DeclareOk).queue
    replier.send(1, commands.Basic.Consume(0, queue, no_ack=True))
    replier.expect(commands.Basic.ConsumeOk)
    properties = commands.Basic.Properties(reply_to="amq.rabbitmq.reply-to")
    asker.send(1, commands.Basic.Publish(0, "", queue), header.ContentHeader(0, 1, properties), body.ContentBody(b"?"))
    replier.expect(commands.Basic.Deliver)
    address = replier.expect(header.ContentHeader).properties.reply_to
    replier.expect(body.ContentBody)
    return str(address)


def test_replies_that_nobody_reads_wait_on_disk(tmp_path: Path) -> None:
    """100 MB of direct replies to a client that stopped reading: neither memory nor the replier suffers."""
    with EmbeddedBroker(tmp_path) as broker, Wire(broker.port).login() as asker, Wire(broker.port).login() as replier:
        address = asked(asker, replier)
        process = psutil.Process(broker.server().pid)
        before = process.memory_info().rss
        fill(replier, address, 100_000_000, 100_000)
        replier.send(1, commands.Queue.Declare(0, "", exclusive=True))
        replier.expect(commands.Queue.DeclareOk)
        assert process.memory_info().rss - before < 40 << 20
        assert told(broker)["memory"] < 20 << 20
        got: list[int] = []
        while len(got) < 1000:
            seen = asker.read()
            assert seen is not None
            if isinstance(seen[1], body.ContentBody):
                got.append(int(seen[1].value.rstrip(b".")))
        assert got == list(range(1000))
        eventually(lambda: told(broker)["memory"] == 0)


def test_small_replies_that_nobody_reads_block_the_replier(client: Client) -> None:
    """They are counted as messages of a queue are, and forgotten with the client that did not read them."""
    with Wire(client.port).login() as replier:
        with Wire(client.port).login() as asker:
            address = asked(asker, replier)
            asker.stop_reading()
            # What the sockets and the broker's buffer take beside its memory differs from system to system.
            fill(replier, address, 4_000_000, 200)
            assert replier.expect(commands.Connection.Blocked).reason == "low on memory"
        replier.expect(commands.Connection.Unblocked)
        replier.send(1, commands.Queue.Declare(0, "", exclusive=True))
        replier.expect(commands.Queue.DeclareOk)
    eventually(lambda: told(client.broker)["memory"] == 0)
