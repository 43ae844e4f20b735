"""The broker instrument against the embedded broker and, where it is installed, RabbitMQ."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import pytest

from lab.grading.checking.expect import BehaviourFailed, CannotTell
from lab.grading.instruments import broker_connection
from lab.grading.instruments.broker import Broker
from lab.grading.instruments.messages import event
from lab.journal.event import Flow
from tests.brokers import EmbeddedBroker, free_port
from tests.stamped import stamped
from tests.waiting import eventually


def no_restart() -> None:
    raise AssertionError("nobody asked for a restart")


@pytest.fixture
def flows() -> list[Flow]:
    """What the taps saw; a test adds to it."""
    return []


@pytest.fixture
def broker(amqp_url: str, flows: list[Flow]) -> Iterator[Broker]:
    broker = Broker(amqp_url, lambda: flows, no_restart)
    yield broker
    broker.start_over()
    broker.close()


@pytest.fixture
def queue(broker: Broker) -> Iterator[str]:
    name = f"q.{uuid.uuid4().hex[:8]}"
    broker.declare(name, "order.created")
    yield name
    broker.delete(name)


def test_an_event_is_a_cloud_event_and_attributes_can_be_changed_or_left_out() -> None:
    made = event("order.created", {"order_id": 1})
    assert (made["specversion"], made["type"], made["data"]) == ("1.0", "order.created", {"order_id": 1})
    assert made["id"] != event("order.created", {})["id"]
    other = event("order.created", {}, id="e-1", time=None, version=2)
    assert (other["id"], other["version"], "time" in other) == ("e-1", 2, False)


def test_what_is_published_lies_in_the_queue_as_it_was_meant(broker: Broker, queue: str) -> None:
    made = broker.event("order.created", {"order_id": "o-1"}, correlationid="c-1")
    assert broker.publish(made) == made["id"]
    assert broker.depth(queue) == 1
    message = broker.get(queue)
    assert message is not None
    assert message.json == made
    assert (message.routing_key, message.exchange, message.message_id) == ("order.created", "shop.events", made["id"])
    assert (message.correlation_id, message.content_type) == ("c-1", "application/cloudevents+json")
    assert (message.persistent, message.redelivered, message.headers) == (True, False, {})
    assert broker.get(queue) is None


def test_poison_and_foreign_messages_can_be_published(broker: Broker, queue: str) -> None:
    broker.publish(b"\xff not json", queue, exchange="", persistent=False, headers={"x-note": "poison"}, message_id="")
    message = broker.get(queue)
    assert message is not None
    assert (message.body, message.json, message.message_id) == (b"\xff not json", None, "")
    assert (message.persistent, message.headers) == (False, {"x-note": "poison"})
    with pytest.raises(ValueError, match="routing key"):
        broker.publish(b"whose?")


def test_queues_that_are_not_there(broker: Broker) -> None:
    assert (broker.exists("nowhere"), broker.depth("nowhere"), broker.consumers("nowhere")) == (False, 0, 0)
    assert broker.get("nowhere") is None
    broker.purge("nowhere")
    broker.delete("nowhere")
    with pytest.raises(BehaviourFailed) as failed:
        broker.drained("nowhere", within=0.2)
    assert (failed.value.code, "no such queue" in failed.value.got) == ("not-drained", True)


def test_purge_and_delete(broker: Broker, queue: str) -> None:
    broker.publish(b"x", queue, exchange="")
    broker.purge(queue)
    assert broker.depth(queue) == 0
    assert broker.exists(queue)
    broker.delete(queue)
    assert not broker.exists(queue)


def test_a_queue_of_somebodys_own_exists(broker: Broker, amqp_url: str) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(amqp_url))
    try:
        name = connection.channel().queue_declare("", exclusive=True).method.queue
        assert broker.exists(name)
    finally:
        connection.close()


def test_a_tap_hears_what_its_key_takes_and_nobody_misses_a_message(broker: Broker, queue: str) -> None:
    with broker.listen("order.*") as tap, broker.listen() as everything:
        made = broker.event("order.created", {"order_id": 1})
        broker.publish(made)
        broker.publish(broker.event("user.registered", {}))
        broker.publish(b"nonsense", "order.broken")
        assert [message.routing_key for message in tap.up_to_now()] == ["order.created", "order.broken"]
        assert len(everything.up_to_now()) == 3
    assert len(tap) == 2
    first = tap.messages[0]
    assert (first.json, first.message_id, first.persistent) == (made, made["id"], True)
    assert first.at <= time.monotonic()
    assert broker.depth(queue) == 1
    assert not broker.exists(tap.queue)


def test_a_tap_closes_at_once(broker: Broker) -> None:
    with broker.listen():
        began = time.monotonic()
    assert time.monotonic() - began < 2


def test_drained_is_when_nothing_is_ready_and_nothing_unacked(broker: Broker, queue: str, flows: list[Flow]) -> None:
    broker.publish(b"x", queue, exchange="")
    with pytest.raises(BehaviourFailed) as failed:
        broker.drained(queue, within=0.2)
    assert f"1 ready and 0 unacked in {queue}" in failed.value.got
    broker.get(queue)
    flows.append(deliver(queue, "m"))
    with pytest.raises(BehaviourFailed) as failed:
        broker.drained(queue, within=0.2)
    assert f"0 ready and 1 unacked in {queue}" in failed.value.got
    flows.append(answer("ack", queue, "m"))
    began = time.monotonic()
    broker.drained(queue, quiet=0.2)
    assert time.monotonic() - began >= 0.2


def test_a_consumer_that_asks_in_vain_again_and_again_is_at_rest(queue: str, flows: list[Flow], amqp_url: str) -> None:
    def passed() -> list[Flow]:
        flows.append(stamped(Flow(protocol="amqp", op=f"get {queue}", queue=queue, status="empty")))
        return flows

    watched = Broker(amqp_url, passed, no_restart)
    watched.drained(queue, quiet=0.1, within=5)
    watched.close()


def test_what_is_put_back_for_ever_never_drains(queue: str, flows: list[Flow], amqp_url: str) -> None:
    def passed() -> list[Flow]:  # by each look it was delivered and put back once more
        flows.extend([deliver(queue, "m"), answer("nack", queue, "m")])
        return flows

    watched = Broker(amqp_url, passed, no_restart)
    with pytest.raises(BehaviourFailed) as failed:
        watched.drained(queue, quiet=0.1, within=0.5)
    watched.close()
    assert "empty, but not for 0.1 s" in failed.value.got


def test_starting_over_deletes_what_was_declared_on_the_wire(broker: Broker, flows: list[Flow], amqp_url: str) -> None:
    tag = uuid.uuid4().hex[:8]
    broker.declare(f"a.{tag}")
    broker.declare(f"b.{tag}")
    with_exchange(amqp_url, f"x.{tag}")
    flows.append(Flow(op=f"declare a.{tag}", queue=f"a.{tag}"))
    flows.append(Flow(op=f"declare x.{tag}", exchange=f"x.{tag}"))
    flows.append(Flow(op="declare amq.topic", exchange="amq.topic"))
    flows.append(Flow(op="deliver", queue=f"b.{tag}"))
    broker.start_over()
    assert not broker.exists(f"a.{tag}")
    assert not broker.exists(f"b.{tag}")
    assert not exchange_exists(amqp_url, f"x.{tag}")
    assert not exchange_exists(amqp_url, "shop.events")
    assert exchange_exists(amqp_url, "amq.topic")


def test_starting_over_deletes_what_the_check_itself_declared(broker: Broker) -> None:
    name = f"own.{uuid.uuid4().hex[:8]}"
    broker.declare(name, "order.created")
    broker.start_over()
    assert not broker.exists(name)


def test_another_kind_of_exchange_is_left_as_it_is(broker: Broker, amqp_url: str) -> None:
    broker.start_over()
    with_exchange(amqp_url, "shop.events")
    broker.publish(b"x", "key")
    with broker.listen() as tap:
        broker.publish(b"y", "key")
        assert [message.body for message in tap.up_to_now()] == [b"y"]


def test_looking_takes_milliseconds(broker: Broker, queue: str) -> None:
    broker.depth(queue)
    began = time.monotonic()
    for _ in range(20):
        broker.depth(queue)
    assert time.monotonic() - began < 2


def test_a_tap_and_the_grader_itself_outlive_a_restart(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path) as engine:

        def restart() -> None:
            engine.stop()
            engine.start()

        broker = Broker(engine.url, list, restart)
        broker.declare("q", "order.created")
        with broker.listen() as tap:
            broker.publish(broker.event("order.created", {"n": 1}))
            broker.restart()
            broker.publish(broker.event("order.created", {"n": 2}))
            eventually(lambda: len(tap) >= 2)
            assert [message.json["data"]["n"] for message in tap.up_to_now()] == [1, 2]
        assert broker.depth("q") == 2
        engine.kill()
        with pytest.raises(CannotTell, match="does not answer"):
            broker.depth("q")
        engine.start()
        assert broker.depth("q") == 2
        broker.close()


def test_a_broker_that_is_not_there_is_our_own_trouble() -> None:
    broker = Broker(f"amqp://guest:guest@127.0.0.1:{free_port()}/%2F", list, no_restart)
    for ask in (broker.depth, broker.get, broker.declare, broker.purge):
        with pytest.raises(CannotTell):
            ask("q")
    with pytest.raises(CannotTell):
        broker.publish(b"x", "key")
    with pytest.raises(BehaviourFailed):
        broker.drained("q", within=0.1)


def test_a_broker_that_accepts_and_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_connection, "PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        broker = Broker(f"amqp://guest:guest@127.0.0.1:{silent.getsockname()[1]}/%2F", list, no_restart)
        with pytest.raises(CannotTell, match="does not answer"):
            broker.depth("q")


def deliver(queue: str, message: str, **more: Any) -> Flow:
    return stamped(Flow(op=f"deliver {queue}", queue=queue, message=message, **more))


def answer(verb: str, queue: str, message: str, **more: Any) -> Flow:
    return stamped(Flow(op=verb, queue=queue, message=message, **more))


def with_exchange(url: str, name: str) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        connection.channel().exchange_declare(name, "fanout", durable=False)
    finally:
        connection.close()


def exchange_exists(url: str, name: str) -> bool:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        connection.channel().exchange_declare(name, passive=True)
    except pika.exceptions.ChannelClosedByBroker:
        return False
    else:
        return True
    finally:
        connection.close()
