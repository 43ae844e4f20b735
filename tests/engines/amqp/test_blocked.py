"""connection.blocked on both brokers: those who publish while memory is short are held, all others go on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pika
import pytest
from pamqp import body, commands, header

from tests.brokers import EmbeddedBroker, PrivateBroker, RabbitNode, rabbitmq_installed
from tests.conftest import BOTH_BROKERS
from tests.engines.amqp.conftest import Client
from tests.engines.amqp.wire import CAPABILITIES, Wire
from tests.waiting import eventually

FILL = "probe.fill"


class SmallBroker(EmbeddedBroker):
    """An embedded broker with room for 2 MiB of messages: short of memory while one queue is full of small ones."""

    def command(self) -> list[str]:
        return [*super().command(), "--memory-limit", "2"]

    @contextmanager
    def short_of_memory(self) -> Iterator[None]:
        with Wire(self.port).login() as wire:
            wire.channel()
            wire.send(1, commands.Queue.Declare(0, FILL))
            wire.expect(commands.Queue.DeclareOk)
            for _ in range(5000):
                wire.send(1, commands.Basic.Publish(0, "", FILL), header.ContentHeader(0, 200), BODY)
            wire.expect(commands.Connection.Blocked)
            yield
            with Wire(self.port).login() as other:
                other.channel()
                other.send(1, commands.Queue.Purge(0, FILL))
                other.expect(commands.Queue.PurgeOk)
            wire.expect(commands.Connection.Unblocked)
            wire.send(1, commands.Queue.Delete(0, FILL))
            wire.expect(commands.Queue.DeleteOk)


class SqueezedNode(RabbitNode):
    """A RabbitMQ that its operator can tell to be short of memory."""

    @contextmanager
    def short_of_memory(self) -> Iterator[None]:
        self.control("set_vm_memory_high_watermark", "0")
        yield
        self.control("set_vm_memory_high_watermark", "0.4")


BODY = body.ContentBody(b"x" * 200)
Short = SmallBroker | SqueezedNode


@pytest.fixture(scope="module", params=BOTH_BROKERS)
def squeezed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    """A broker of these tests' own, since a short one is short for everybody."""
    if request.param == "rabbitmq" and not rabbitmq_installed():
        pytest.skip("RabbitMQ is not installed")
    kind = SmallBroker if request.param == "embedded" else SqueezedNode
    with kind(tmp_path_factory.mktemp("squeezed")) as broker:
        yield broker


def declared(wire: Wire) -> str:
    """A queue of its own for a connection whose first channel this opens."""
    wire.channel()
    wire.send(1, commands.Queue.Declare(0, "", exclusive=True))
    return str(wire.expect(commands.Queue.DeclareOk).queue)


def publish(wire: Wire, queue: str) -> None:
    wire.send(1, commands.Basic.Publish(0, "", queue), header.ContentHeader(0, 200), BODY)


def count(wire: Wire, queue: str) -> int:
    wire.send(1, commands.Queue.Declare(0, queue, passive=True))
    return int(wire.expect(commands.Queue.DeclareOk).message_count)


def waits(wire: Wire, queue: str) -> None:
    """Nothing that this connection sends is read."""
    wire.send(1, commands.Queue.Declare(0, queue, passive=True))
    with pytest.raises(TimeoutError):
        wire.read(0.5)


def test_a_publisher_is_told_and_held_and_all_others_go_on(squeezed: Short) -> None:
    with Wire(squeezed.port).login() as publisher, Wire(squeezed.port).login() as reader:
        queue, own = declared(publisher), declared(reader)
        publish(reader, own)
        with squeezed.short_of_memory():
            publish(publisher, queue)
            assert publisher.expect(commands.Connection.Blocked).reason == "low on memory"
            waits(publisher, queue)
            reader.send(1, commands.Basic.Get(0, own))
            reader.expect(commands.Basic.GetOk)
            reader.expect(header.ContentHeader)
            reader.expect(body.ContentBody)
            reader.send(1, commands.Basic.Ack(1), commands.Queue.Declare(0, own, passive=True))
            assert reader.expect(commands.Queue.DeclareOk).message_count == 0
            with Wire(squeezed.port).login() as late:
                queue_of_late = declared(late)
                publish(late, queue_of_late)
                late.expect(commands.Connection.Blocked)
        publisher.expect(commands.Connection.Unblocked)
        publisher.expect(commands.Queue.DeclareOk)
        publish(publisher, queue)
        eventually(lambda: count(publisher, queue) == 2)


def test_a_client_that_knows_no_blocking_is_held_all_the_same(squeezed: Short) -> None:
    knows: dict[str, Any] = {**CAPABILITIES, "connection.blocked": False}
    with Wire(squeezed.port).login(capabilities=knows) as wire:
        queue = declared(wire)
        with squeezed.short_of_memory():
            publish(wire, queue)
            waits(wire, queue)
        wire.expect(commands.Queue.DeclareOk)


def test_a_held_client_is_not_taken_for_dead(squeezed: Short) -> None:
    """It cannot be heard, so its silence says nothing; the broker's own heartbeats go on."""
    with contextlib.ExitStack() as stack:
        with squeezed.short_of_memory():
            wire = stack.enter_context(Wire(squeezed.port).login(tune=(2047, 131072, 1)))
            publish(wire, declared(wire))
            seen = [next_name(wire) for _ in range(5)]
            assert seen.count("Connection.Blocked") == 1
            assert seen.count("Heartbeat") == 4, "about two seconds' worth"
            time.sleep(1.5)
        while (name := next_name(wire)) == "Heartbeat":
            pass
        assert name == "Connection.Unblocked"


def next_name(wire: Wire) -> str:
    seen = wire.read()
    assert seen is not None, "the broker hung up"
    return str(seen[1].name)


def test_pika_hears_of_it(squeezed: Short) -> None:
    client = Client(squeezed)
    connection = client.connect()
    channel = connection.channel()
    queue = client.queue(channel)
    heard: list[str] = []
    connection.add_on_connection_blocked_callback(lambda _, frame: heard.append(frame.method.reason))
    connection.add_on_connection_unblocked_callback(lambda *_: heard.append("unblocked"))
    with squeezed.short_of_memory():
        channel.basic_publish("", queue, b"x", pika.BasicProperties())
        eventually(lambda: (connection.process_data_events(0.01), heard)[1])
    eventually(lambda: (connection.process_data_events(0.01), heard[-1] == "unblocked")[1])
    assert heard == ["low on memory", "unblocked"]
    client.clean()
