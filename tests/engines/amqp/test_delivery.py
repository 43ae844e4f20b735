"""Who gets which message, in what order, and what becomes of it when it comes back."""

from __future__ import annotations

import base64
import time
from collections import Counter
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from tests.engines.amqp.conftest import Client
from tests.waiting import eventually


def ready(channel: BlockingChannel, queue: str) -> int:
    return int(channel.queue_declare(queue, passive=True).method.message_count)


def publish(channel: BlockingChannel, queue: str, *bodies: str, **properties: Any) -> None:
    for each in bodies:
        channel.basic_publish("", queue, each.encode(), pika.BasicProperties(**properties))


def fetch(channel: BlockingChannel, queue: str, count: int = 1) -> list[tuple[str, bool, int]]:
    """(body, redelivered, delivery tag) of `count` messages got one by one."""
    got = []
    for _ in range(count):
        method, _, body = eventually(lambda: (found := channel.basic_get(queue))[0] and found)
        got.append((body.decode(), method.redelivered, method.delivery_tag))
    return got


class Inbox:
    """What a consumer was delivered."""

    def __init__(self, channel: BlockingChannel, queue: str, **options: Any) -> None:
        self.channel = channel
        self.got: list[tuple[str, bool, int]] = []
        self.tag = channel.basic_consume(queue, self._take, **options)

    def _take(self, _: Any, method: Any, __: Any, body: bytes) -> None:
        self.got.append((body.decode(), method.redelivered, method.delivery_tag))

    @property
    def bodies(self) -> list[str]:
        return [body for body, _, _ in self.got]

    def wait(self, count: int) -> list[str]:
        def enough() -> bool:
            self.channel.connection.process_data_events(0.01)
            return len(self.got) >= count

        eventually(enough)
        return self.bodies

    def settle(self) -> list[str]:
        """What there is after everything sent so far must have arrived."""
        self.channel.connection.process_data_events(0.2)
        return self.bodies


def test_first_in_first_out(client: Client) -> None:
    channel = client.channel()
    queue = client.queue(channel)
    sent = [str(number) for number in range(50)]
    publish(channel, queue, *sent)
    assert Inbox(channel, queue, auto_ack=True).wait(50) == sent


@pytest.mark.parametrize("how", ["nack", "reject", "channel", "connection", "recover"])
def test_what_comes_back_takes_its_old_place(client: Client, how: str) -> None:
    publisher = client.channel()
    queue = client.queue(publisher)
    publish(publisher, queue, *"abcdef")
    eventually(lambda: ready(publisher, queue) == 6)
    connection = client.connect()
    channel = connection.channel()
    tags = [tag for _, _, tag in fetch(channel, queue, 4)]
    channel.basic_ack(tags[1])
    if how == "nack":
        channel.basic_nack(tags[3], multiple=True)
    elif how == "reject":
        for tag in (tags[2], tags[0], tags[3]):
            channel.basic_reject(tag)
    elif how == "recover":
        channel.basic_recover(requeue=True)
    elif how == "channel":
        channel.close()
    else:
        connection.close()
    eventually(lambda: ready(publisher, queue) == 5)
    back = [(body, again) for body, again, _ in fetch(publisher, queue, 5)]
    assert back == [("a", True), ("c", True), ("d", True), ("e", False), ("f", False)]


def test_round_robin(client: Client) -> None:
    publisher = client.channel()
    queue = client.queue(publisher)
    inboxes = [Inbox(client.channel(), queue, auto_ack=True) for _ in range(3)]
    publish(publisher, queue, *map(str, range(30)))
    assert [len(inbox.wait(10)) for inbox in inboxes] == [10, 10, 10]
    assert all([int(body) for body in inbox.bodies] == sorted(map(int, inbox.bodies)) for inbox in inboxes)


def test_prefetch_for_each_consumer(client: Client) -> None:
    channel = client.channel()
    queue = client.queue(channel)
    publish(channel, queue, *map(str, range(20)))
    channel.basic_qos(prefetch_count=2)
    two = Inbox(channel, queue)
    channel.basic_qos(prefetch_count=3)
    three = Inbox(channel, queue)
    two.wait(2), three.wait(3)
    two.settle()
    assert (len(two.got), len(three.got)) == (2, 3)
    channel.basic_ack(two.got[-1][2])
    two.wait(3)
    assert (len(two.settle()), len(three.got)) == (3, 3)


def test_prefetch_for_a_whole_channel(client: Client) -> None:
    channel = client.channel()
    queue = client.queue(channel)
    publish(channel, queue, *map(str, range(20)))
    channel.basic_qos(prefetch_count=4, global_qos=True)
    one, other = Inbox(channel, queue), Inbox(channel, queue)
    eventually(lambda: (one.settle(), len(one.got) + len(other.got) == 4)[1])
    last = max(tag for _, _, tag in one.got + other.got)
    channel.basic_ack(last, multiple=True)
    eventually(lambda: (one.settle(), len(one.got) + len(other.got) == 8)[1])
    one.settle()
    assert len(one.got) + len(other.got) == 8


def test_an_exhausted_channel_serves_nobody(client: Client) -> None:
    """Not even a consumer that acks nothing, although its deliveries do not count."""
    channel = client.channel()
    queue, other_queue = client.queue(channel), client.queue(channel, "other")
    publish(channel, queue, "held")
    publish(channel, other_queue, "a", "b")
    channel.basic_qos(prefetch_count=1, global_qos=True)
    one = Inbox(channel, queue)
    one.wait(1)
    other = Inbox(channel, other_queue, auto_ack=True)
    assert other.settle() == []
    channel.basic_ack(one.got[0][2])
    assert other.wait(2) == ["a", "b"]


def test_a_channels_prefetch_goes_round_its_queues(client: Client) -> None:
    """None is served until it is empty while the others wait, as a worker of several queues would suffer it."""
    channel = client.channel()
    queues = [client.queue(channel, f"q{number}") for number in range(3)]
    idle = [client.queue(channel, f"idle{number}") for number in range(3)]
    for queue in queues:
        publish(channel, queue, *[queue] * 60)
    channel.basic_qos(prefetch_count=2, global_qos=True)
    got: list[str] = []

    def take(taker: BlockingChannel, method: Any, _: Any, body: bytes) -> None:
        got.append(body.decode())
        taker.basic_ack(method.delivery_tag)

    for queue in [queues[0], *idle, *queues[1:]]:
        channel.basic_consume(queue, take)
    eventually(lambda: (channel.connection.process_data_events(0.01), len(got) >= 90)[1])
    shares = Counter(got[:90])
    assert all(shares[queue] >= 15 for queue in queues), shares


def test_prefetch_is_shared_fairly_with_a_busy_consumer(client: Client) -> None:
    """A consumer that does not ack holds only its prefetch; the other gets all the rest."""
    publisher = client.channel()
    queue = client.queue(publisher)
    slow_channel, quick_channel = client.channel(), client.channel()
    slow_channel.basic_qos(prefetch_count=1)
    quick_channel.basic_qos(prefetch_count=1)
    slow = Inbox(slow_channel, queue)
    done: list[bytes] = []

    def ack(channel: BlockingChannel, method: Any, _: Any, body: bytes) -> None:
        done.append(body)
        channel.basic_ack(method.delivery_tag)

    quick_channel.basic_consume(queue, ack)
    publish(publisher, queue, *map(str, range(20)))
    slow.wait(1)
    eventually(lambda: (quick_channel.connection.process_data_events(0.01), len(done) == 19)[1])
    assert len(slow.settle()) == 1


def test_no_ack_ignores_prefetch(client: Client) -> None:
    channel = client.channel()
    queue = client.queue(channel)
    publish(channel, queue, *map(str, range(20)))
    channel.basic_qos(prefetch_count=1)
    assert len(Inbox(channel, queue, auto_ack=True).wait(20)) == 20


def test_multiple_ack_and_ack_of_all(client: Client) -> None:
    channel = client.channel()
    queue = client.queue(channel)
    publish(channel, queue, *"abcdef")
    tags = [tag for _, _, tag in fetch(channel, queue, 6)]
    channel.basic_ack(tags[2], multiple=True)
    channel.basic_nack(tags[3])
    assert fetch(channel, queue) == [("d", True, tags[5] + 1)]
    channel.basic_ack(0, multiple=True)
    channel.basic_recover(requeue=True)
    assert ready(channel, queue) == 0


def test_a_cancelled_consumer_keeps_what_it_has(client: Client) -> None:
    channel = client.channel()
    queue = client.queue(channel)
    publish(channel, queue, *"abc")
    channel.basic_qos(prefetch_count=2)
    inbox = Inbox(channel, queue)
    inbox.wait(2)
    channel.basic_cancel(inbox.tag)
    assert ready(channel, queue) == 1
    channel.basic_ack(inbox.got[0][2])
    channel.basic_nack(inbox.got[1][2])
    eventually(lambda: ready(channel, queue) == 2)


def test_consumers_of_higher_priority_come_first(client: Client) -> None:
    publisher = client.channel()
    queue = client.queue(publisher)
    low_channel, high_channel = client.channel(), client.channel()
    high_channel.basic_qos(prefetch_count=3)
    low = Inbox(low_channel, queue)
    high = Inbox(high_channel, queue, arguments={"x-priority": 10})
    publish(publisher, queue, *"abcde")
    assert high.wait(3) == ["a", "b", "c"]
    assert low.wait(2) == ["d", "e"]


def test_a_single_active_consumer(client: Client) -> None:
    publisher = client.channel()
    queue = client.queue(publisher, arguments={"x-single-active-consumer": True})
    first, second = Inbox(client.channel(), queue), Inbox(client.channel(), queue)
    publish(publisher, queue, *"abc")
    assert first.wait(3) == ["a", "b", "c"]
    assert second.settle() == []
    first.channel.basic_ack(first.got[0][2])
    first.channel.connection.close()
    assert second.wait(2) == ["b", "c"]
    assert [again for _, again, _ in second.got] == [True, True]


def test_a_queue_with_priorities(client: Client) -> None:
    channel = client.channel()
    queue = client.queue(channel, arguments={"x-max-priority": 5})
    for priority, body in ((None, "none"), (1, "one"), (9, "nine"), (5, "five"), (0, "zero"), (1, "one again")):
        channel.basic_publish("", queue, body.encode(), pika.BasicProperties(priority=priority))
    eventually(lambda: ready(channel, queue) == 6)
    assert [body for body, _, _ in fetch(channel, queue, 6)] == ["nine", "five", "one", "one again", "none", "zero"]


def test_cancel_notify_when_the_queue_goes(client: Client) -> None:
    connection = client.connect()
    channel = connection.channel()
    queue = client.queue(channel)
    cancelled: list[str] = []
    channel.add_on_cancel_callback(lambda frame: cancelled.append(frame.method.consumer_tag))
    tag = channel.basic_consume(queue, lambda *_: None)
    client.channel().queue_delete(queue)
    eventually(lambda: (connection.process_data_events(0.01), cancelled == [tag])[1])


def test_get_says_what_is_left(client: Client) -> None:
    channel = client.channel()
    queue = client.queue(channel)
    assert channel.basic_get(queue) == (None, None, None)
    publish(channel, queue, "a", "b")
    eventually(lambda: ready(channel, queue) == 2)
    method, _, body = channel.basic_get(queue, auto_ack=True)
    assert (method.message_count, method.redelivered, body) == (1, False, b"a")
    assert ready(channel, queue) == 1


def test_counts_are_of_ready_messages(client: Client) -> None:
    channel = client.channel()
    queue = client.queue(channel)
    publish(channel, queue, *"abc")
    fetch(channel, queue, 1)
    assert ready(channel, queue) == 2
    assert channel.queue_purge(queue).method.message_count == 2
    channel.basic_recover(requeue=True)
    eventually(lambda: ready(channel, queue) == 1)
    assert channel.queue_delete(queue).method.message_count == 1


def test_deliveries_without_ack_are_sent_before_a_later_answer(client: Client) -> None:
    channel = client.channel()
    queue = client.queue(channel)
    inbox = Inbox(channel, queue, auto_ack=True)
    publish(channel, queue, *"abc")
    assert eventually(lambda: ready(channel, queue) == 0)
    undispatched = [body.decode() for _, _, body in channel.basic_cancel(inbox.tag)]
    assert inbox.bodies + undispatched == ["a", "b", "c"]


def test_an_exclusive_queue_goes_with_its_connection(client: Client) -> None:
    connection = client.connect()
    name = client.name("mine")
    connection.channel().queue_declare(name, exclusive=True, durable=True)
    connection.close()
    channel = client.channel()
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="no queue"):
        channel.queue_declare(name, passive=True)


def test_an_auto_delete_queue_goes_with_its_last_consumer(client: Client) -> None:
    channel, watcher = client.channel(), client.channel()
    queue = client.queue(channel, auto_delete=True)
    first, second = channel.basic_consume(queue, print), channel.basic_consume(queue, print)
    channel.basic_cancel(first)
    watcher.queue_declare(queue, passive=True)
    channel.basic_cancel(second)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="no queue"):
        watcher.queue_declare(queue, passive=True)


def test_transactions(client: Client) -> None:
    channel, watcher = client.channel(), client.channel()
    queue = client.queue(channel)
    publish(watcher, queue, "a", "b")
    eventually(lambda: ready(watcher, queue) == 2)
    channel.tx_select()
    (_, _, first), (_, _, second) = fetch(channel, queue, 2)
    publish(channel, queue, "rolled back")
    channel.basic_ack(first)
    channel.tx_rollback()
    assert ready(watcher, queue) == 0
    publish(channel, queue, "committed")
    channel.basic_ack(first)
    assert ready(watcher, queue) == 0
    channel.tx_commit()
    assert ready(watcher, queue) == 1
    channel.basic_nack(second)
    channel.tx_commit()
    assert [body for body, _, _ in fetch(watcher, queue, 2)] == ["b", "committed"]


def test_confirms_come_for_all(client: Client) -> None:
    channel = client.channel()
    queue = client.queue(channel, durable=True)
    channel.confirm_delivery()
    for number in range(20):
        persistent = pika.BasicProperties(delivery_mode=1 + number % 2)
        channel.basic_publish("", queue, b"x", persistent, mandatory=True)
    channel.basic_publish("", "nowhere", b"x")
    with pytest.raises(pika.exceptions.UnroutableError):
        channel.basic_publish("", "nowhere", b"x", mandatory=True)
    assert ready(channel, queue) == 20


def test_direct_reply_to(client: Client) -> None:
    asker, server = client.channel(), client.channel()
    queue = client.queue(server)
    replies = Inbox(asker, "amq.rabbitmq.reply-to", auto_ack=True)
    asker.basic_publish("", queue, b"how?", pika.BasicProperties(reply_to="amq.rabbitmq.reply-to", correlation_id="7"))
    _, properties, _ = eventually(lambda: (found := server.basic_get(queue, auto_ack=True))[0] and found)
    address = properties.reply_to
    where, key = address.removeprefix("amq.rabbitmq.reply-to.").split(".")
    assert base64.b64decode(where)
    assert len(base64.b64decode(key)) == 16
    assert server.queue_declare(address, passive=True).method.consumer_count == 1
    server.basic_publish("", address, b"so!")
    assert replies.wait(1) == ["so!"]
    server.confirm_delivery()
    with pytest.raises(pika.exceptions.UnroutableError):  # it is no queue, even while somebody listens
        server.basic_publish("", address, b"and so on", mandatory=True)
    assert replies.wait(2) == ["so!", "and so on"]
    assert properties.correlation_id == "7"


def test_exclusive_consumption_ends_with_the_consumer(client: Client) -> None:
    channel = client.channel()
    queue = client.queue(channel)
    tag = channel.basic_consume(queue, print, exclusive=True)
    channel.basic_cancel(tag)
    channel.basic_consume(queue, print)


def test_properties_go_through_unchanged(client: Client) -> None:
    channel = client.channel()
    queue = client.queue(channel)
    properties = pika.BasicProperties(
        content_type="text/plain",
        content_encoding="utf-8",
        headers={"s": "é", "n": 5, "big": 2**40, "t": True, "l": [1, "a", {"x": None}], "d": {"y": {}}},
        delivery_mode=2,
        priority=3,
        correlation_id="c",
        reply_to="r",
        expiration="60000",
        message_id="m",
        timestamp=1700000000,
        type="t",
        user_id="guest",
        app_id="a",
        cluster_id="",
    )
    channel.basic_publish("", queue, "straße".encode(), properties)
    _, got, body = eventually(lambda: (found := channel.basic_get(queue))[0] and found)
    assert body.decode() == "straße"
    assert got == properties


def test_a_big_body(client: Client) -> None:
    channel = client.channel()
    queue = client.queue(channel)
    content = bytes(range(256)) * (16 << 12)
    channel.basic_publish("", queue, content)
    assert eventually(lambda: channel.basic_get(queue)[2]) == content


def test_a_client_that_stops_reading_holds_nobody(client: Client) -> None:
    """Its deliveries wait; others publish and consume as before."""
    publisher = client.channel()
    stuck, lively = client.queue(publisher, "stuck"), client.queue(publisher, "lively")
    idle = client.channel()
    idle.basic_consume(stuck, lambda *_: None, auto_ack=True)
    for _ in range(300):
        publisher.basic_publish("", stuck, b"x" * 100_000)
    inbox = Inbox(client.channel(), lively, auto_ack=True)
    began = time.monotonic()
    publish(publisher, lively, *map(str, range(100)))
    inbox.wait(100)
    assert time.monotonic() - began < 5
    assert Counter(inbox.bodies) == Counter(map(str, range(100)))
