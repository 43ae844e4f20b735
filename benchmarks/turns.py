"""How long one client's big wish holds up another: `python -m benchmarks.turns`, beside RabbitMQ in the same run.

While one client has much done for it, another one, a process of its own, asks for a small thing over and over: the
figure is the longest that it waited, as a ratio to what it waits at worst while nothing else happens, too.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pamqp import commands
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from benchmarks.broker import Table, channel_to, circumstances, process
from tests.brokers import EmbeddedBroker, PrivateBroker, RabbitNode, rabbitmq_installed
from tests.engines.amqp.test_process import told
from tests.engines.amqp.wire import Wire

MESSAGES = 50_000
GRAVE = "turns-grave"
Wish = Callable[[BlockingChannel], None]
"""Has something done, and returns when it is."""
Prepare = Callable[[PrivateBroker, BlockingChannel], Wish]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.turns", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="only the wishes whose title contains this")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the brokers go first
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lab-benchmark-")))
        brokers: list[PrivateBroker] = [EmbeddedBroker(folder / "embedded")]
        if rabbitmq_installed():
            brokers.insert(0, RabbitNode(folder / "rabbitmq"))
        for broker in brokers:
            stack.enter_context(broker)
        print(circumstances(brokers))
        table = Table([broker.name for broker in brokers])
        for _ in range(options.rounds):
            for title, prepare in WISHES.items():
                if options.only not in title:
                    continue
                for broker in brokers:
                    took, longest = beside(broker, prepare)
                    table.add(f"{title}: s", broker.name, took, better="less")
                    table.add(f"{title}: longest wait of another client, ms", broker.name, longest, better="less")
    print(table.markdown())


def beside(broker: PrivateBroker, prepare: Prepare) -> tuple[float, float]:
    """(seconds that the wish took, milliseconds that another client waited at most meanwhile)"""
    with channel_to(broker.port) as channel:
        wish = prepare(broker, channel)
        with process(ask_over_and_over, broker.port) as other:
            other.recv()
            began = time.monotonic()
            wish(channel)
            took = time.monotonic() - began
            other.send("enough")
            longest: float = other.recv()
        tell(broker, [commands.Queue.Delete(0, queue, nowait=True) for queue in (*MANY_QUEUES, GRAVE)])
        return took, longest * 1000


def ask_over_and_over(pipe: Connection, port: int) -> None:
    longest = 0.0
    with channel_to(port) as channel:
        channel.queue_declare("turns-other", exclusive=True)
        pipe.send("ready")
        while not pipe.poll():
            began = time.monotonic()
            channel.queue_declare("turns-other", passive=True)
            longest = max(longest, time.monotonic() - began)
        pipe.send(longest)


MANY_QUEUES = [f"turns-{number}" for number in range(10_000)]
QUEUES = MANY_QUEUES[:1_000]


def tell(broker: PrivateBroker, methods: list[Any]) -> None:
    """Many things in one breath, none of which is answered; returns when all are done."""
    with Wire(broker.port, timeout=300).login() as wire:
        wire.channel()
        wire.send(1, *methods, commands.Queue.Declare(0, "", exclusive=True))
        wire.expect(commands.Queue.DeclareOk)


def bound(broker: PrivateBroker, exchange: str, keys: list[str], queues: list[str]) -> None:
    """Declares all queues, and binds them in turn, one by each key."""
    pairs = zip(itertools.cycle(queues), keys, strict=False)
    declares: list[Any] = [commands.Queue.Declare(0, queue, nowait=True) for queue in queues]
    tell(broker, declares + [commands.Queue.Bind(0, queue, exchange, key, nowait=True) for queue, key in pairs])


def by_topic(broker: PrivateBroker, queues: list[str]) -> Wish:
    bound(broker, "amq.topic", [f"order.{number}.*" for number in range(10_000)], queues)

    def wish(channel: BlockingChannel) -> None:
        channel.confirm_delivery()
        for number in range(500):
            channel.basic_publish("amq.topic", f"order.{number}.created", b"x")

    return wish


def to_many_topics(broker: PrivateBroker, _: BlockingChannel) -> Wish:
    return by_topic(broker, QUEUES)


def to_queues_of_a_topic_each(broker: PrivateBroker, _: BlockingChannel) -> Wish:
    return by_topic(broker, MANY_QUEUES)


def to_all_at_once(broker: PrivateBroker, _: BlockingChannel) -> Wish:
    bound(broker, "amq.fanout", [""] * len(MANY_QUEUES), MANY_QUEUES)

    def wish(channel: BlockingChannel) -> None:
        channel.confirm_delivery()
        channel.basic_publish("amq.fanout", "", b"x")

    return wish


def delete_an_exchange(broker: PrivateBroker, channel: BlockingChannel) -> Wish:
    channel.exchange_declare("turns", "fanout")
    bound(broker, "turns", [""] * len(MANY_QUEUES), MANY_QUEUES)
    return lambda channel: channel.exchange_delete("turns")


def leave(broker: PrivateBroker, _: BlockingChannel) -> Wish:
    owner = Wire(broker.port, timeout=300).login()
    owner.channel()
    last = commands.Queue.Declare(0, "turns-last", exclusive=True)
    owner.send(1, *[commands.Queue.Declare(0, queue, exclusive=True, nowait=True) for queue in MANY_QUEUES], last)
    owner.expect(commands.Queue.DeclareOk)

    def wish(channel: BlockingChannel) -> None:
        owner.close()
        while True:
            try:
                channel = channel.connection.channel()
                channel.queue_declare("turns-last", passive=True)
            except ChannelClosedByBroker as closed:
                if closed.reply_code == 404:
                    return
            time.sleep(0.05)

    return wish


def list_all(broker: PrivateBroker, _: BlockingChannel) -> Wish:
    bound(broker, "amq.fanout", [""] * len(MANY_QUEUES), MANY_QUEUES)

    def wish(_: BlockingChannel) -> None:
        listed = broker.control("list_queues") if isinstance(broker, RabbitNode) else json.dumps(told(broker))
        assert MANY_QUEUES[-1] in listed

    return wish


def to_many_queues(broker: PrivateBroker, _: BlockingChannel) -> Wish:
    bound(broker, "amq.fanout", [""] * len(QUEUES), QUEUES)

    def wish(channel: BlockingChannel) -> None:
        for _ in range(500):
            channel.basic_publish("amq.fanout", "", b"x")
        await_count(channel, QUEUES[-1], 500)

    return wish


def filled(channel: BlockingChannel, **arguments: Any) -> str:
    queue = QUEUES[0]
    channel.queue_declare(queue, arguments=arguments)
    for _ in range(MESSAGES):
        channel.basic_publish("", queue, b"x")
    return queue


def purge(_: PrivateBroker, channel: BlockingChannel) -> Wish:
    queue = filled(channel)
    await_count(channel, queue, MESSAGES)
    return lambda channel: channel.queue_purge(queue)


def expire(_: PrivateBroker, channel: BlockingChannel) -> Wish:
    channel.queue_declare(GRAVE)
    letters = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": GRAVE}
    filled(channel, **letters, **{"x-message-ttl": 20_000})
    return lambda channel: await_count(channel, GRAVE, MESSAGES)


def await_count(channel: BlockingChannel, queue: str, count: int) -> None:
    while channel.queue_declare(queue, passive=True).method.message_count < count:
        time.sleep(0.05)


WISHES: dict[str, Prepare] = {
    "nothing for a second": lambda *_: lambda _: time.sleep(1),
    "500 confirmed publishes over a topic exchange with 10,000 bindings": to_many_topics,
    "500 confirmed publishes over a topic exchange with 10,000 queues": to_queues_of_a_topic_each,
    "500 fan-out publishes to 1,000 queues": to_many_queues,
    "a publish to 10,000 queues": to_all_at_once,
    f"{MESSAGES:,} messages that expire into a dead letter queue": expire,
    f"a purge of {MESSAGES:,}": purge,
    "an exchange with 10,000 bindings is deleted": delete_an_exchange,
    "a client leaves with 10,000 exclusive queues": leave,
    "10,000 queues are listed": list_all,
}


if __name__ == "__main__":
    main()
