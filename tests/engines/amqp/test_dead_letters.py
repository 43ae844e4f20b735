"""Where messages go that a queue gives up, what is written on them, and the limits that make a queue give them up."""

from __future__ import annotations

import time
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from tests.engines.amqp.conftest import Client
from tests.engines.amqp.test_delivery import Inbox, fetch, publish, ready
from tests.waiting import eventually


def deaths(channel: BlockingChannel, queue: str) -> tuple[pika.BasicProperties, list[dict[str, Any]], str]:
    """Properties, `x-death` without its times, and body of the next message in a dead letter queue."""
    _, properties, body = eventually(lambda: (found := channel.basic_get(queue, auto_ack=True))[0] and found)
    records = properties.headers["x-death"]
    for record in records:
        assert abs(record.pop("time").timestamp() - time.time()) < 60
    return properties, records, body.decode()


def queue_with_grave(client: Client, channel: BlockingChannel, **arguments: Any) -> tuple[str, str]:
    grave = client.queue(channel, "grave")
    letters = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": grave}
    return client.queue(channel, arguments={**letters, **arguments}), grave


def test_a_rejected_message(client: Client) -> None:
    channel = client.channel()
    queue, grave = queue_with_grave(client, channel)
    publish(channel, queue, "x", headers={"mine": 1})
    ((_, _, tag),) = fetch(channel, queue)
    channel.basic_reject(tag, requeue=False)
    properties, records, body = deaths(channel, grave)
    assert body == "x"
    assert records == [
        {"count": 1, "reason": "rejected", "queue": queue, "exchange": "", "routing-keys": [queue]},
    ]
    assert properties.headers == {
        "mine": 1,
        "x-death": records,
        "x-first-death-exchange": "",
        "x-first-death-queue": queue,
        "x-first-death-reason": "rejected",
    }


def test_an_expired_message_loses_its_expiration(client: Client) -> None:
    channel = client.channel()
    queue, grave = queue_with_grave(client, channel)
    publish(channel, queue, "x", expiration="30", headers={"CC": ["elsewhere"]})
    properties, records, _ = deaths(channel, grave)
    assert properties.expiration is None
    assert "CC" not in properties.headers
    assert records == [
        {
            "count": 1,
            "reason": "expired",
            "queue": queue,
            "exchange": "",
            "routing-keys": [queue, "elsewhere"],
            "original-expiration": "30",
        }
    ]


def test_deaths_are_counted_newest_first(client: Client) -> None:
    channel = client.channel()
    one, other = client.name("one"), client.name("other")
    client.queue(channel, "one", arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": other})
    client.queue(channel, "other", arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": one})
    publish(channel, one, "x")
    for queue in (one, other, one):
        ((_, _, tag),) = fetch(channel, queue)
        channel.basic_reject(tag, requeue=False)
    _, records, _ = deaths(channel, other)
    assert [(record["queue"], record["count"]) for record in records] == [(one, 2), (other, 1)]


def test_a_circle_of_expiry_ends(client: Client) -> None:
    """Nobody rejected it, so it would go round for ever: the broker drops it when it comes back."""
    channel = client.channel()
    one, other = client.name("one"), client.name("other")
    for name, target, stay in (("one", other, 50), ("other", one, 1000)):
        letters = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": target, "x-message-ttl": stay}
        client.queue(channel, name, arguments=letters)
    publish(channel, one, "x")
    eventually(lambda: ready(channel, other) == 1)
    eventually(lambda: ready(channel, other) == 0)
    time.sleep(0.2)
    assert (ready(channel, one), ready(channel, other)) == (0, 0)


def test_a_retry_by_delay_queue_goes_round_because_of_the_reject(client: Client) -> None:
    channel = client.channel()
    work, delay = client.name("work"), client.name("delay")
    client.queue(channel, "work", arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": delay})
    letters = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": work, "x-message-ttl": 50}
    client.queue(channel, "delay", arguments=letters)
    publish(channel, work, "x")
    for attempt in range(3):
        method, properties, _ = eventually(lambda: (found := channel.basic_get(work))[0] and found)
        seen = {
            (each["queue"], each["reason"]): each["count"] for each in (properties.headers or {}).get("x-death", [])
        }
        assert seen.get((work, "rejected"), 0) == attempt
        channel.basic_reject(method.delivery_tag, requeue=False)


def test_dead_letters_are_routed_by_their_exchange(client: Client) -> None:
    channel = client.channel()
    exchange, grave = client.exchange(channel, "topic"), client.queue(channel, "grave")
    channel.queue_bind(grave, exchange, "#")
    queue = client.queue(channel, arguments={"x-dead-letter-exchange": exchange, "x-message-ttl": 0})
    channel.queue_bind(queue, "amq.topic", "probe.death.of")
    channel.basic_publish("amq.topic", "probe.death.of", b"x")
    method, _, _ = eventually(lambda: (found := channel.basic_get(grave))[0] and found)
    assert (method.exchange, method.routing_key) == (exchange, "probe.death.of")


def test_without_its_exchange_a_dead_letter_is_lost(client: Client) -> None:
    channel = client.channel()
    queue = client.queue(channel, arguments={"x-dead-letter-exchange": "none", "x-message-ttl": 10})
    publish(channel, queue, "x")
    eventually(lambda: ready(channel, queue) == 0)


def test_purge_and_delete_are_no_deaths(client: Client) -> None:
    channel = client.channel()
    queue, grave = queue_with_grave(client, channel)
    publish(channel, queue, "a")
    eventually(lambda: ready(channel, queue) == 1)
    channel.queue_purge(queue)
    publish(channel, queue, "b")
    channel.queue_delete(queue)
    time.sleep(0.2)
    assert ready(channel, grave) == 0


def test_messages_expire_at_the_head_only(client: Client) -> None:
    channel = client.channel()
    queue, grave = queue_with_grave(client, channel)
    channel.basic_publish("", queue, b"long", pika.BasicProperties(expiration="600"))
    channel.basic_publish("", queue, b"short", pika.BasicProperties(expiration="20"))
    time.sleep(0.2)
    assert ready(channel, queue) == 2
    assert [deaths(channel, grave)[2] for _ in range(2)] == ["long", "short"]


def test_the_smaller_time_to_live_wins(client: Client) -> None:
    channel = client.channel()
    queue = client.queue(channel, arguments={"x-message-ttl": 60_000})
    publish(channel, queue, "brief", expiration="20")
    eventually(lambda: ready(channel, queue) == 0)
    brief = client.queue(channel, "brief", arguments={"x-message-ttl": 20})
    publish(channel, brief, "x", expiration="60000")
    eventually(lambda: ready(channel, brief) == 0)


@pytest.mark.parametrize(("expiration", "stays"), [("+60000", True), ("0060000", True), ("-0", False), ("+0", False)])
def test_odd_spellings_of_an_expiration(client: Client, expiration: str, stays: bool) -> None:
    channel = client.channel()
    queue, grave = queue_with_grave(client, channel)
    publish(channel, queue, "x", expiration=expiration)
    if stays:
        eventually(lambda: ready(channel, queue) == 1)
    else:
        _, records, _ = deaths(channel, grave)
        assert records[0]["original-expiration"] == expiration


def test_time_to_live_zero_is_for_those_who_wait(client: Client) -> None:
    channel = client.channel()
    queue = client.queue(channel, arguments={"x-message-ttl": 0})
    publish(channel, queue, "nobody there")
    eventually(lambda: ready(channel, queue) == 0)
    inbox = Inbox(channel, queue, auto_ack=True)
    publish(channel, queue, "somebody there")
    assert inbox.wait(1) == ["somebody there"]


def test_an_unused_queue_expires(client: Client) -> None:
    channel, watcher = client.channel(), client.channel()
    queue = client.queue(channel, arguments={"x-expires": 300})
    tag = channel.basic_consume(queue, print)
    time.sleep(0.5)
    watcher.queue_declare(queue, passive=True)
    channel.basic_cancel(tag)

    def gone() -> bool:
        # Looking with a passive declare would be a use: an exclusive name tells without one.
        time.sleep(0.4)
        try:
            client.channel().queue_declare(queue, passive=True)
        except pika.exceptions.ChannelClosedByBroker:
            return True
        return False

    eventually(gone)


def test_a_full_queue_drops_its_head(client: Client) -> None:
    channel = client.channel()
    queue, grave = queue_with_grave(client, channel, **{"x-max-length": 2})
    publish(channel, queue, *"abcd")
    assert [deaths(channel, grave)[2] for _ in range(2)] == ["a", "b"]
    assert [body for body, _, _ in fetch(channel, queue, 2)] == ["c", "d"]


def test_a_limit_in_bytes(client: Client) -> None:
    channel = client.channel()
    queue, grave = queue_with_grave(client, channel, **{"x-max-length-bytes": 10})
    publish(channel, queue, "12345", "67890", "abc")
    _, records, body = deaths(channel, grave)
    assert (body, records[0]["reason"]) == ("12345", "maxlen")
    assert ready(channel, queue) == 2


@pytest.mark.parametrize("overflow", ["reject-publish", "reject-publish-dlx"])
def test_a_full_queue_that_rejects(client: Client, overflow: str) -> None:
    channel = client.channel()
    queue, grave = queue_with_grave(client, channel, **{"x-max-length": 1, "x-overflow": overflow})
    channel.confirm_delivery()
    channel.basic_publish("", queue, b"first")
    with pytest.raises(pika.exceptions.NackError):
        channel.basic_publish("", queue, b"second")
    assert [body for body, _, _ in fetch(channel, queue)] == ["first"]
    if overflow == "reject-publish-dlx":
        _, records, body = deaths(channel, grave)
        assert (body, records[0]["reason"]) == ("second", "maxlen")
    else:
        assert ready(channel, grave) == 0
    channel.basic_publish("", queue, b"third")


def test_a_quorum_queue_limits_deliveries(client: Client) -> None:
    channel = client.channel()
    grave = client.queue(channel, "grave")
    arguments = {
        "x-queue-type": "quorum",
        "x-delivery-limit": 2,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": grave,
    }
    queue = client.queue(channel, durable=True, arguments=arguments)
    publish(channel, queue, "x")
    seen = []
    for _ in range(3):
        method, properties, _ = eventually(lambda: (found := channel.basic_get(queue))[0] and found)
        seen.append((method.redelivered, (properties.headers or {}).get("x-delivery-count")))
        channel.basic_nack(method.delivery_tag)
    assert seen == [(False, 0), (True, 1), (True, 2)]
    properties, records, _ = deaths(channel, grave)
    assert records[0]["reason"] == "delivery_limit"
    assert "x-delivery-count" not in properties.headers


def test_several_records_of_one_queue_and_reason(client: Client) -> None:
    """A client may have written them: the first stands for all, and one without a count for as many as there were."""
    channel = client.channel()
    queue, grave = queue_with_grave(client, channel)

    def record(of: str, **more: Any) -> dict[str, Any]:
        return {"queue": of, "reason": "rejected", **more}

    for written, expected in (
        ([record(queue, count=3), record("b", count=7), record(queue, count=5), record("b")], {queue: 4, "b": 7}),
        ([record(queue), record("b"), record(queue), record("b"), record("c")], {queue: 3, "b": 2, "c": 1}),
    ):
        publish(channel, queue, "x", headers={"x-death": written})
        ((_, _, tag),) = fetch(channel, queue)
        channel.basic_reject(tag, requeue=False)
        _, properties, _ = eventually(lambda: (found := channel.basic_get(grave, auto_ack=True))[0] and found)
        deaths = properties.headers["x-death"]
        assert deaths[0]["queue"] == queue
        assert {each["queue"]: each["count"] for each in deaths} == expected
        assert len(deaths) == len(expected)
