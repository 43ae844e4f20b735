"""From exchanges to queues: every type, bindings between exchanges, alternates, copies."""

from __future__ import annotations

from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from tests.engines.amqp.conftest import Client
from tests.engines.amqp.test_delivery import fetch, ready
from tests.waiting import eventually


def arrived(channel: BlockingChannel, exchange: str, key: str, queues: list[str], **properties: Any) -> list[int]:
    """How many copies of one message each queue got."""
    channel.confirm_delivery()
    channel.basic_publish(exchange, key, b"x", pika.BasicProperties(**properties))
    return [channel.queue_purge(queue).method.message_count for queue in queues]


def test_direct_and_fanout(client: Client) -> None:
    channel = client.channel()
    direct, fanout = client.exchange(channel, "direct", "direct"), client.exchange(channel, "fanout", "fanout")
    queues = [client.queue(channel, name) for name in "ab"]
    for queue, key in zip(queues, ("red", "blue"), strict=True):
        channel.queue_bind(queue, direct, key)
        channel.queue_bind(queue, direct, "both")
        channel.queue_bind(queue, fanout, "ignored")
    assert arrived(channel, direct, "red", queues) == [1, 0]
    assert arrived(channel, direct, "both", queues) == [1, 1]
    assert arrived(channel, direct, "green", queues) == [0, 0]
    assert arrived(channel, fanout, "whatever", queues) == [1, 1]
    channel.queue_unbind(queues[0], direct, "red")
    assert arrived(channel, direct, "red", queues) == [0, 0]


@pytest.mark.parametrize(
    ("pattern", "keys", "others"),
    [
        ("a.b", ["a.b"], ["a", "a.b.c", "a.c"]),
        ("a.*", ["a.b", "a."], ["a", "a.b.c", "b.a"]),
        ("*.b", ["a.b", ".b"], ["b", "a.a.b"]),
        ("#", ["", "a", "a.b.c"], []),
        ("a.#", ["a", "a.b", "a.b.c"], ["b", "ab"]),
        ("#.b", ["b", "a.b", "a.a.b"], ["a", "b.a"]),
        ("a.#.b", ["a.b", "a.x.b", "a.x.y.b"], ["a", "a.x"]),
        ("#.#", ["", "a", "a.b"], []),
        ("*.#.*", ["a.b", "a.x.b"], ["a", ""]),
        ("", [""], ["a"]),
        ("*", ["a"], ["", "a.b"]),
        ("..", [".."], ["", "."]),
    ],
)
def test_topic(client: Client, pattern: str, keys: list[str], others: list[str]) -> None:
    channel = client.channel()
    exchange, queue = client.exchange(channel, "topic"), client.queue(channel)
    channel.queue_bind(queue, exchange, pattern)
    assert [arrived(channel, exchange, key, [queue]) for key in keys] == [[1]] * len(keys)
    assert [arrived(channel, exchange, key, [queue]) for key in others] == [[0]] * len(others)


@pytest.mark.parametrize(
    ("arguments", "headers", "matches"),
    [
        ({"x-match": "all", "a": 1, "b": "x"}, {"a": 1, "b": "x", "c": 2}, True),
        ({"x-match": "all", "a": 1, "b": "x"}, {"a": 1}, False),
        ({"a": 1, "b": "x"}, {"a": 1, "b": "x"}, True),
        ({"a": 1, "b": "x"}, {"b": "x"}, False),
        ({"x-match": "any", "a": 1, "b": "x"}, {"b": "x"}, True),
        ({"x-match": "any", "a": 1, "b": "x"}, {"b": "y"}, False),
        ({"a": 1}, {"a": True}, False),
        ({"x-match": "any", "a": None}, {"a": "anything"}, True),
        ({"x-match": "all", "x-a": 1, "b": 1}, {"b": 1}, True),
        ({"x-match": "all-with-x", "x-a": 1, "b": 1}, {"b": 1}, False),
        ({"x-match": "any-with-x", "x-a": 1}, {"x-a": 1}, True),
        ({"x-match": "all"}, {}, True),
        ({"x-match": "any"}, {}, False),
        ({"a": 1}, {"a": "1"}, False),
        ({"a": True}, {"a": True}, True),
    ],
)
def test_headers(client: Client, arguments: dict[str, Any], headers: dict[str, Any], matches: bool) -> None:
    channel = client.channel()
    exchange, queue = client.exchange(channel, "headers"), client.queue(channel)
    channel.queue_bind(queue, exchange, "", arguments=arguments)
    assert arrived(channel, exchange, "any", [queue], headers=headers) == [int(matches)]


def test_exchanges_bound_to_exchanges(client: Client) -> None:
    """One copy for each queue, whatever the number of ways; cycles end."""
    channel = client.channel()
    first, second, third = (client.exchange(channel, "fanout", name) for name in ("one", "two", "three"))
    queue = client.queue(channel)
    for source, destination in ((first, second), (first, third), (second, third), (third, first)):
        channel.exchange_bind(destination, source)
    channel.queue_bind(queue, second)
    channel.queue_bind(queue, third)
    assert arrived(channel, first, "", [queue]) == [1]
    channel.exchange_unbind(second, first)
    channel.exchange_unbind(third, first)
    assert arrived(channel, first, "", [queue]) == [0]


def test_an_alternate_exchange_takes_what_finds_no_queue(client: Client) -> None:
    channel = client.channel()
    spare = client.exchange(channel, "fanout", "spare")
    exchange = client.exchange(channel, "direct", arguments={"alternate-exchange": spare})
    queue, rest = client.queue(channel), client.queue(channel, "rest")
    channel.queue_bind(queue, exchange, "known")
    channel.queue_bind(rest, spare)
    assert arrived(channel, exchange, "known", [queue, rest]) == [1, 0]
    assert arrived(channel, exchange, "unknown", [queue, rest]) == [0, 1]
    channel.basic_publish(exchange, "unknown", b"", mandatory=True)
    channel.queue_unbind(rest, spare)
    with pytest.raises(pika.exceptions.UnroutableError):
        channel.basic_publish(exchange, "unknown", b"", mandatory=True)


def test_the_default_exchange_is_nobodys_alternate(client: Client) -> None:
    channel = client.channel()
    exchange, queue = client.exchange(channel, "direct", arguments={"alternate-exchange": ""}), client.queue(channel)
    channel.confirm_delivery()
    with pytest.raises(pika.exceptions.UnroutableError):
        channel.basic_publish(exchange, queue, b"", mandatory=True)


def test_an_internal_exchange_is_reached_by_bindings(client: Client) -> None:
    channel = client.channel()
    inner = client.exchange(channel, "fanout", "inner", internal=True)
    outer = client.exchange(channel, "fanout", "outer")
    queue = client.queue(channel)
    channel.exchange_bind(inner, outer)
    channel.queue_bind(queue, inner)
    assert arrived(channel, outer, "", [queue]) == [1]


def test_copies_by_header(client: Client) -> None:
    channel = client.channel()
    queues = [client.queue(channel, name) for name in ("to", "cc", "bcc")]
    headers = {"CC": [queues[1]], "BCC": [queues[2]], "other": 1}
    channel.basic_publish("", queues[0], b"x", pika.BasicProperties(headers=headers))
    for queue in queues:
        method, properties, _ = eventually(lambda at=queue: (found := channel.basic_get(at))[0] and found)  # type: ignore[misc]
        assert properties.headers == {"CC": [queues[1]], "other": 1}
        assert method.routing_key == queues[0]


def test_an_auto_delete_exchange_goes_with_its_last_binding(client: Client) -> None:
    channel = client.channel()
    exchange = client.exchange(channel, "direct", auto_delete=True)
    queue = client.queue(channel)
    channel.queue_bind(queue, exchange, "a")
    channel.queue_bind(queue, exchange, "b")
    channel.queue_unbind(queue, exchange, "a")
    channel.exchange_declare(exchange, passive=True)
    channel.queue_delete(queue)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="no exchange"):
        channel.exchange_declare(exchange, passive=True)


def test_the_empty_name_is_the_last_declared_queue(client: Client) -> None:
    channel = client.channel()
    name = channel.queue_declare("", exclusive=True).method.queue
    assert name.startswith("amq.gen-")
    channel.queue_bind("", "amq.direct", "probe.empty")
    channel.queue_bind("", "amq.direct", "")
    channel.basic_publish("amq.direct", "probe.empty", b"one")
    channel.basic_publish("amq.direct", name, b"two")
    eventually(lambda: ready(channel, name) == 2)
    assert [body for body, _, _ in fetch(channel, "", 2)] == ["one", "two"]
    channel.queue_unbind("", "amq.direct", "")
    channel.confirm_delivery()
    with pytest.raises(pika.exceptions.UnroutableError):
        channel.basic_publish("amq.direct", name, b"three", mandatory=True)


def test_binding_twice_is_binding_once(client: Client) -> None:
    channel = client.channel()
    exchange, queue = client.exchange(channel, "topic"), client.queue(channel)
    channel.queue_bind(queue, exchange, "a.*")
    channel.queue_bind(queue, exchange, "a.*")
    channel.queue_bind(queue, exchange, "#")
    assert arrived(channel, exchange, "a.b", [queue]) == [1]
