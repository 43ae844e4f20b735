"""pika through a real tap, on the embedded broker and RabbitMQ: what each fault promises is what a client sees."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.adapters.utils.connection_workflow import AMQPConnectorStackTimeout
from pika.exceptions import AMQPConnectionError, AMQPError, UnroutableError

from tests.brokers import PrivateBroker
from tests.waiting import eventually
from tests.wire.threaded_tap import ThreadedTap

Got = tuple[str, bool, bytes]
"""(message id, redelivered, body)"""


@pytest.fixture
def tap(amqp_broker: PrivateBroker) -> Iterator[ThreadedTap]:
    with ThreadedTap("amqp", amqp_broker.port) as tap:
        yield tap


@pytest.fixture
def direct(amqp_url: str) -> Iterator[BlockingChannel]:
    """A channel that no tap is on: how it stands at the broker."""
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        yield connection.channel()


@pytest.fixture
def queue(direct: BlockingChannel) -> Iterator[str]:
    name = f"orders.{uuid.uuid4().hex[:8]}"
    direct.queue_declare(name)
    yield name
    direct.queue_delete(name)


@pytest.fixture
def channel(tap: ThreadedTap) -> Iterator[BlockingChannel]:
    channel = connect(tap)
    yield channel
    if channel.connection.is_open:
        channel.connection.close()


def connect(tap: ThreadedTap) -> BlockingChannel:
    return pika.BlockingConnection(pika.URLParameters(tap.url)).channel()


def send(channel: BlockingChannel, queue: str, *idents: str, mandatory: bool = False) -> None:
    for ident in idents:
        properties = pika.BasicProperties(message_id=ident, correlation_id=f"req-{ident}", delivery_mode=2)
        channel.basic_publish("", queue, json.dumps({"id": ident}).encode(), properties, mandatory)


def consume(
    channel: BlockingChannel,
    queue: str,
    count: int,
    *,
    patience: float = 5.0,
    answer: Callable[[BlockingChannel, int], None] | None = None,
) -> list[Got]:
    """The next `count` deliveries, or those that come in time; each is acked, or answered as the test has it."""
    got: list[Got] = []
    answer = answer or (lambda channel, tag: channel.basic_ack(tag))
    for method, properties, body in channel.consume(queue, inactivity_timeout=patience):
        if method is None:
            break
        got.append((properties.message_id, method.redelivered, body))
        answer(channel, method.delivery_tag)
        if len(got) == count:
            break
    return got


def names(got: list[Got]) -> list[tuple[str, bool]]:
    return [(ident, redelivered) for ident, redelivered, _ in got]


def left(direct: BlockingChannel, queue: str) -> int:
    """Messages that are ready at the broker."""
    return int(direct.queue_declare(queue, passive=True).method.message_count)


def test_one_message_is_one_story(tap: ThreadedTap, channel: BlockingChannel, queue: str) -> None:
    channel.confirm_delivery()
    send(channel, queue, "m1")
    other = connect(tap)
    consume(other, queue, 1)
    other.connection.close()
    eventually(lambda: len([flow for flow in tap.flows if flow.message == "m1"]) == 4)
    story = [flow for flow in tap.flows if flow.message == "m1"]
    assert [flow.op for flow in story] == [f"publish {queue}", "confirm", f"deliver {queue}", "ack"]
    assert {flow.correlation for flow in story} == {"req-m1"}
    assert len({flow.conn for flow in story}) == 2
    assert all(flow.ms is not None and 0 < flow.ms < 5000 for flow in story if flow.op in ("confirm", "ack"))
    assert {flow.link for flow in story} == {"app->broker"}
    assert "undecoded" not in {flow.op for flow in tap.flows}
    assert "guest" not in repr(tap.flows)


def test_refusals_are_flows(tap: ThreadedTap, channel: BlockingChannel) -> None:
    with pytest.raises(pika.exceptions.ChannelClosedByBroker):
        channel.queue_declare("no.such.queue", passive=True)
    eventually(lambda: ("declare no.such.queue", "error") in tap.said("declare"))
    assert [flow.status for flow in tap.flows if flow.op == "close channel"] == ["404 NOT_FOUND"]


def test_a_large_message_passes_whole(tap: ThreadedTap, channel: BlockingChannel, queue: str) -> None:
    body = bytes(range(256)) * 8192
    channel.basic_publish("", queue, body, pika.BasicProperties(message_id="big"))
    [(_, _, got)] = consume(channel, queue, 1)
    assert got == body
    assert [flow.bytes for flow in tap.flows if flow.op == f"publish {queue}"] == [len(body)]


def test_lose_ack(tap: ThreadedTap, direct: BlockingChannel, queue: str) -> None:
    fault = tap.fault("lose-ack")
    send(direct, queue, "m1")
    first = connect(tap)
    with pytest.raises(AMQPConnectionError):
        consume(first, queue, 2)
    second = connect(tap)
    assert names(consume(second, queue, 1)) == [("m1", True)]
    second.connection.close()
    assert left(direct, queue) == 0
    assert tap.victims(fault) == 1
    assert [outcome for _, outcome in tap.said("ack", message="m1")] == ["lost", "ok"]


def test_redeliver(tap: ThreadedTap, channel: BlockingChannel, direct: BlockingChannel, queue: str) -> None:
    tap.fault("redeliver")
    send(direct, queue, "m1", "m2", "m3")
    assert names(consume(channel, queue, 4)) == [("m1", False), ("m1", True), ("m2", False), ("m3", False)]
    tap.heal()
    send(direct, queue, "m4")
    assert names(consume(channel, queue, 1)) == [("m4", False)]
    channel.connection.close()
    assert left(direct, queue) == 0
    assert tap.said("deliver", message="m1") == [(f"deliver {queue}", "ok"), (f"deliver {queue}", "duplicate")]


def test_redeliver_with_one_ack_for_all(
    tap: ThreadedTap, channel: BlockingChannel, direct: BlockingChannel, queue: str
) -> None:
    tap.fault("redeliver x2")
    send(direct, queue, "m1", "m2", "m3", "m4")
    tags: list[int] = []
    consume(channel, queue, 5, answer=lambda _, tag: tags.append(tag))
    assert tags == [1, 2, 3, 4, 5]
    channel.basic_ack(5, multiple=True)
    [(last, _, _)] = consume(channel, queue, 1, answer=lambda channel, tag: channel.basic_nack(tag, requeue=True))
    assert last == "m4"
    channel.connection.close()
    eventually(lambda: left(direct, queue) == 1)


def test_lose_confirm(tap: ThreadedTap, channel: BlockingChannel, direct: BlockingChannel, queue: str) -> None:
    channel.confirm_delivery()
    send(channel, queue, "m1")
    tap.fault("lose-confirm")
    returned: list[object] = []

    def blocked() -> None:
        try:
            send(channel, queue, "m2")
            returned.append("confirmed")
        except AMQPError as error:
            returned.append(error)

    publisher = threading.Thread(target=blocked)
    publisher.start()
    eventually(lambda: ("confirm", "lost") in tap.said("confirm", message="m2"))
    assert left(direct, queue) == 2
    tap.heal()
    publisher.join(0.3)
    assert not returned
    tap.fault("reset")
    publisher.join(5)
    assert isinstance(returned[0], AMQPConnectionError)
    again = connect(tap)
    again.confirm_delivery()
    send(again, queue, "m2")
    again.connection.close()
    assert left(direct, queue) == 3


@pytest.mark.parametrize("confirms", [True, False])
def test_duplicate_publish(
    tap: ThreadedTap, channel: BlockingChannel, direct: BlockingChannel, queue: str, confirms: bool
) -> None:
    if confirms:
        channel.confirm_delivery()
    tap.fault("duplicate-publish x2")
    send(channel, queue, "m1", "m2", "m3", "m4", "m5")
    tap.heal()
    send(channel, queue, "m6")
    eventually(lambda: left(direct, queue) == 8)
    got = names(consume(channel, queue, 8))
    assert [ident for ident, _ in got] == ["m1", "m1", "m2", "m2", "m3", "m4", "m5", "m6"]
    assert not any(redelivered for _, redelivered in got)
    if confirms:
        assert [outcome for _, outcome in tap.said("confirm", message="m1")] == ["ok", "duplicate"]


def test_duplicate_publish_of_what_cannot_be_routed(tap: ThreadedTap, channel: BlockingChannel, queue: str) -> None:
    channel.confirm_delivery()
    tap.fault("duplicate-publish")
    with pytest.raises(UnroutableError) as refused:
        send(channel, "no.such.queue", "m1", mandatory=True)
    assert len(refused.value.messages) == 1
    send(channel, queue, "m2", mandatory=True)
    assert names(consume(channel, queue, 1)) == [("m2", False)]


def test_poison(tap: ThreadedTap, channel: BlockingChannel, direct: BlockingChannel, queue: str) -> None:
    tap.fault("poison")
    send(channel, queue, "m1", "m2")
    got = consume(channel, queue, 2)
    assert names(got) == [("m1", False), ("m2", False)]
    with pytest.raises(json.JSONDecodeError):
        json.loads(got[0][2])
    assert json.loads(got[1][2]) == {"id": "m2"}
    assert left(direct, queue) == 0


def test_reorder(tap: ThreadedTap, channel: BlockingChannel, direct: BlockingChannel, queue: str) -> None:
    tap.fault("reorder 3")
    send(direct, queue, "m1", "m2", "m3", "m4", "m5")
    tags: list[int] = []
    got = names(consume(channel, queue, 3, answer=lambda _, tag: tags.append(tag)))
    assert [ident for ident, _ in got] == ["m3", "m2", "m1"]
    assert tags == [1, 2, 3]
    channel.basic_ack(2, multiple=True)
    channel.cancel()
    channel.connection.close()
    again = connect(tap)
    tap.heal()
    rest = [ident for ident, _ in names(consume(again, queue, 3))]
    assert rest == ["m1", "m4", "m5"]
    again.connection.close()
    assert left(direct, queue) == 0


def test_reorder_with_a_small_prefetch(
    tap: ThreadedTap, channel: BlockingChannel, direct: BlockingChannel, queue: str
) -> None:
    tap.fault("reorder 5")
    channel.basic_qos(prefetch_count=2)
    send(direct, queue, "m1", "m2", "m3")
    assert [ident for ident, _ in names(consume(channel, queue, 3, patience=5))][:2] == ["m2", "m1"]
    channel.connection.close()
    assert left(direct, queue) == 0


def test_a_chosen_publish_is_late(tap: ThreadedTap, channel: BlockingChannel, queue: str) -> None:
    channel.confirm_delivery()
    tap.fault(f'latency 300ms on "publish {queue}" x1')
    began = time.monotonic()
    send(channel, queue, "m1")
    assert time.monotonic() - began >= 0.3
    send(channel, queue, "m2")
    assert tap.said("publish", message="m2") == [(f"publish {queue}", "ok")]
    assert tap.said("publish", message="m1") == [(f"publish {queue}", "late")]


def test_a_chosen_delivery_is_held_until_it_heals(
    tap: ThreadedTap, channel: BlockingChannel, direct: BlockingChannel, queue: str
) -> None:
    tap.fault('blackhole on "deliver *"')
    send(direct, queue, "m1")
    assert consume(channel, queue, 1, patience=0.4) == []
    tap.heal()
    assert names(consume(channel, queue, 1)) == [("m1", False)]
    channel.connection.close()
    assert left(direct, queue) == 0


def test_a_chosen_publish_cuts_the_connection(
    tap: ThreadedTap, channel: BlockingChannel, direct: BlockingChannel, queue: str
) -> None:
    channel.confirm_delivery()
    tap.fault('reset on "publish *" x1')
    with pytest.raises(AMQPConnectionError):
        send(channel, queue, "m1")
    assert left(direct, queue) == 0
    again = connect(tap)
    again.confirm_delivery()
    send(again, queue, "m1")
    again.connection.close()
    assert left(direct, queue) == 1


def test_after_a_chosen_publish_the_broker_is_not_heard(
    tap: ThreadedTap, channel: BlockingChannel, direct: BlockingChannel, queue: str
) -> None:
    tap.fault('one-way on "publish *"')
    send(channel, queue, "m1")
    eventually(lambda: left(direct, queue) == 1)
    outcome: list[object] = []

    def ask() -> None:
        try:
            outcome.append(channel.queue_declare(queue, passive=True))
        except AMQPError as error:
            outcome.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join(0.4)
    assert not outcome
    tap.heal()
    asking.join(5)
    assert isinstance(outcome[0], AMQPConnectionError)
    assert names(consume(connect(tap), queue, 1)) == [("m1", False)]


def test_who_hears_nothing_in_its_handshake_is_a_victim_once(tap: ThreadedTap) -> None:
    fault = tap.fault("one-way")
    parameters = pika.URLParameters(tap.url)
    parameters.stack_timeout = 1
    for attempt in (1, 2):
        with pytest.raises(AMQPConnectorStackTimeout):
            pika.BlockingConnection(parameters)
        assert tap.victims(fault) == attempt
    tap.heal()
    connect(tap).connection.close()
    assert tap.victims(fault) == 2


def test_under_all_faults_at_once_nothing_is_lost_and_no_channel_breaks(
    tap: ThreadedTap, channel: BlockingChannel, direct: BlockingChannel, queue: str
) -> None:
    tap.fault("duplicate-publish 30% x1000")
    tap.fault("redeliver 30% x1000")
    tap.fault("reorder 4 40% x1000")
    tap.fault("latency 5ms 10%")
    channel.confirm_delivery()
    consumer = connect(tap)
    consumer.basic_qos(prefetch_count=10)
    handled: list[str] = []

    def handle(channel: BlockingChannel, tag: int) -> None:
        # Every third answer is for all that came before it, every seventh sends its message back once.
        if tag % 7 == 0:
            channel.basic_nack(tag, requeue=True)
        elif tag % 3 == 0:
            channel.basic_ack(tag, multiple=True)

    sent = [f"m{n}" for n in range(150)]
    publishing = threading.Thread(target=send, args=(channel, queue, *sent))
    publishing.start()
    while len(got := consume(consumer, queue, 50, patience=1.5, answer=handle)):
        handled += [ident for ident, _, _ in got]
    publishing.join(5)
    assert not publishing.is_alive()
    assert set(handled) == set(sent)
    tap.heal()
    consumer.basic_ack(0, multiple=True)
    consumer.connection.close()
    eventually(lambda: left(direct, queue) == 0)
    assert {flow.status for flow in tap.flows if flow.op == "close channel"} <= {"0", "200"}
