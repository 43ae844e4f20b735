"""What survives the broker, stopped in good order or killed."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest

from tests.brokers import EmbeddedBroker, PrivateBroker, RabbitNode, rabbitmq_installed
from tests.conftest import BOTH_BROKERS
from tests.engines.amqp.conftest import Client
from tests.engines.amqp.test_delivery import fetch, publish, ready

NOTHING = (None, None, None)


@pytest.fixture(scope="module", params=BOTH_BROKERS)
def own_broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    """A broker of these tests' own, to be ended; each leaves it running again."""
    if request.param == "rabbitmq" and not rabbitmq_installed():
        pytest.skip("RabbitMQ is not installed")
    kind = EmbeddedBroker if request.param == "embedded" else RabbitNode
    with kind(tmp_path_factory.mktemp("restart")) as broker:
        yield broker


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_durable_things_survive_and_the_others_go(own_broker: PrivateBroker, end: str) -> None:
    client = Client(own_broker)
    channel = client.channel()
    exchange = client.exchange(channel, "topic", durable=True)
    passing = client.exchange(channel, "topic", "passing")
    inner = client.exchange(channel, "headers", "inner", durable=True, internal=True)
    limited = client.queue(channel, "limited", durable=True, arguments={"x-max-length": 3})
    queue, gone = client.queue(channel, durable=True), client.queue(channel, "gone")
    channel.queue_bind(queue, exchange, "a.#")
    channel.queue_bind(queue, passing, "a.#")
    channel.exchange_bind(inner, exchange, "deep")
    channel.queue_bind(limited, inner, arguments={"x-match": "any", "k": 1})
    channel.confirm_delivery()
    for number in range(5):
        channel.basic_publish(
            exchange, "a.b", f"{number}".encode(), pika.BasicProperties(delivery_mode=2, headers={"n": number})
        )
        channel.basic_publish("", queue, b"transient")
        channel.basic_publish("", gone, b"persistent", pika.BasicProperties(delivery_mode=2))
    ((_, _, first), _, (_, _, third)) = fetch(channel, queue, 3)
    channel.basic_ack(first)
    channel.basic_nack(third)
    channel.queue_unbind(queue, exchange, "never")
    getattr(own_broker, end)()
    own_broker.start()

    channel = client.channel()
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="no queue"):
        client.channel().queue_declare(gone, passive=True)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="no exchange"):
        client.channel().exchange_declare(passing, passive=True)
    channel.queue_declare(limited, durable=True, arguments={"x-max-length": 3})
    channel.exchange_declare(inner, "headers", durable=True, internal=True)
    if own_broker.name == "rabbitmq" and end == "kill":
        # RabbitMQ writes acks and bindings a little later: a crash may bring an acked message back, or cost a binding.
        channel.exchange_bind(inner, exchange, "deep")
        channel.queue_bind(limited, inner, arguments={"x-match": "any", "k": 1})
        got = [channel.basic_get(queue, auto_ack=True) for _ in range(ready(channel, queue))][-4:]
    else:
        got = [channel.basic_get(queue, auto_ack=True) for _ in range(4)]
    assert [body for _, _, body in got] == [b"1", b"2", b"3", b"4"]
    assert [properties.headers for _, properties, _ in got] == [{"n": number} for number in range(1, 5)]
    assert ready(channel, queue) == 0
    channel.confirm_delivery()
    channel.basic_publish(exchange, "a.c", b"bound still", mandatory=True)
    channel.basic_publish(exchange, "deep", b"", pika.BasicProperties(headers={"k": 1}), mandatory=True)
    assert (ready(channel, queue), ready(channel, limited)) == (1, 1)
    client.clean()


def test_what_was_delivered_before_is_marked_so_after_a_stop(own_broker: PrivateBroker) -> None:
    client = Client(own_broker)
    channel = client.channel()
    queue = client.queue(channel, durable=True)
    channel.confirm_delivery()
    publish(channel, queue, "seen", "unseen", delivery_mode=2)
    fetch(channel, queue, 1)
    own_broker.stop()
    own_broker.start()
    assert [(body, again) for body, again, _ in fetch(client.channel(), queue, 2)] == [
        ("seen", True),
        ("unseen", False),
    ]


def test_clients_are_told_of_a_stop(own_broker: PrivateBroker) -> None:
    connection = Client(own_broker).connect()
    own_broker.stop()
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as told:
        connection.process_data_events(5)
    own_broker.start()
    assert told.value.reply_code == 320
    assert told.value.reply_text == "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'"


@pytest.mark.parametrize("seed", range(3))
def test_nothing_confirmed_is_lost_to_a_kill(tmp_path: Path, seed: int) -> None:
    """kill -9 at a random moment under load, again and again: what was confirmed and not acked is there, in order."""
    chance = random.Random(seed)
    with EmbeddedBroker(tmp_path) as broker:
        client = Client(broker)
        name = client.queue(client.channel(), durable=True)
        confirmed: list[int] = []
        acked: set[int] = set()
        number = 0
        for _ in range(4):
            killer = threading.Timer(chance.uniform(0.1, 0.5), broker.kill)
            channel = client.channel()
            channel.confirm_delivery()
            killer.start()
            try:
                while True:
                    number += 1
                    body = str(number).encode() + b"." * chance.randrange(2000)
                    channel.basic_publish("", name, body, pika.BasicProperties(delivery_mode=2), mandatory=True)
                    confirmed.append(number)
                    if chance.random() < 0.3:
                        method, _, got = channel.basic_get(name)
                        acked.add(int(got.rstrip(b".")))
                        channel.basic_ack(method.delivery_tag)
            except pika.exceptions.AMQPError:
                killer.join()
            broker.start()
        channel = client.channel()
        found = [int(got.rstrip(b".")) for _, _, got in iter(lambda: channel.basic_get(name, auto_ack=True), NOTHING)]
    assert found == sorted(found)
    assert set(confirmed) - acked <= set(found)
    assert len(found) == len(set(found))


def test_what_expires_while_the_broker_is_away_is_dead_lettered_when_it_is_back(own_broker: PrivateBroker) -> None:
    client = Client(own_broker)
    channel = client.channel()
    grave = client.queue(channel, "grave", durable=True)
    letters = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": grave, "x-message-ttl": 1000}
    delay = client.queue(channel, "delay", durable=True, arguments=letters)
    channel.confirm_delivery()
    publish(channel, delay, "a", "b", delivery_mode=2)
    own_broker.stop()
    time.sleep(1)  # the time the messages have, spent away
    own_broker.start()
    channel = client.channel()
    assert [body for body, _, _ in fetch(channel, grave, 2)] == ["a", "b"]
    assert ready(channel, delay) == 0
    client.clean()
