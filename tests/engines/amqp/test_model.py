"""A queue step by step against a plain model of it: the same random life on the embedded broker and on RabbitMQ."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import Any

import pika
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pika.adapters.blocking_connection import BlockingChannel

from tests.brokers import PrivateBroker
from tests.waiting import eventually


@dataclass(order=True)
class Item:
    """A message; items stand in the order of their first field: highest priority, then oldest."""

    place: tuple[int, int]
    body: str = field(compare=False)
    redelivered: bool = field(compare=False, default=False)


@dataclass
class Model:
    """What a queue is, in as few words as Python has for it."""

    highest: int = 0
    max_length: int | None = None
    ready: list[Item] = field(default_factory=list)
    unacked: dict[int, Item] = field(default_factory=dict)
    published: int = 0
    tags: int = 0

    def publish(self, priority: int) -> str:
        self.published += 1
        bisect.insort(self.ready, Item((-min(priority, self.highest), self.published), str(self.published)))
        self.shorten()
        return str(self.published)

    def get(self) -> tuple[str, bool, int, int] | None:
        """(body, redelivered, delivery tag, how many remain)"""
        if not self.ready:
            return None
        item = self.ready.pop(0)
        self.tags += 1
        self.unacked[self.tags] = item
        return item.body, item.redelivered, self.tags, len(self.ready)

    def settle(self, tag: int, *, multiple: bool, requeue: bool) -> None:
        for each in [each for each in self.unacked if each == tag or (multiple and each <= tag)]:
            item = self.unacked.pop(each)
            if requeue:
                item.redelivered = True
                bisect.insort(self.ready, item)
        self.shorten()

    def recover(self) -> None:
        self.settle(self.tags, multiple=True, requeue=True)

    def purge(self) -> int:
        count = len(self.ready)
        self.ready.clear()
        return count

    def shorten(self) -> None:
        while self.max_length is not None and len(self.ready) > self.max_length:
            self.ready.pop(0)


Step = tuple[str, int, bool]
steps = st.lists(
    st.tuples(
        st.sampled_from(["publish", "publish", "publish", "get", "get", "ack", "nack", "reject", "recover", "purge"]),
        st.integers(0, 9),
        st.booleans(),
    ),
    max_size=40,
)


class Lived:
    """The same steps on a real queue."""

    def __init__(self, channel: BlockingChannel, arguments: dict[str, Any]) -> None:
        self.channel = channel
        self.queue = channel.queue_declare("", exclusive=True, arguments=arguments).method.queue
        channel.confirm_delivery()

    def publish(self, body: str, priority: int) -> None:
        # A confirmed message is in the queue, so what comes next meets it there.
        self.channel.basic_publish("", self.queue, body.encode(), pika.BasicProperties(priority=priority))

    def get(self) -> tuple[str, bool, int, int] | None:
        method, _, body = self.channel.basic_get(self.queue)
        if method is None:
            return None
        return body.decode(), method.redelivered, method.delivery_tag, method.message_count

    def ready(self) -> int:
        return int(self.channel.queue_declare(self.queue, passive=True).method.message_count)


def live(channel: BlockingChannel, script: list[Step], model: Model, arguments: dict[str, Any]) -> None:
    """Every answer must be the model's."""
    lived = Lived(channel, arguments)
    for step, choice, flag in script:
        held = sorted(model.unacked)
        tag = held[choice % len(held)] if held else 0
        if step == "publish":
            lived.publish(model.publish(choice), choice)
        elif step == "get":
            assert lived.get() == model.get()
        elif step == "recover":
            channel.basic_recover(requeue=True)
            model.recover()
        elif step == "purge":
            assert channel.queue_purge(lived.queue).method.message_count == model.purge()
        elif tag and step == "ack":
            channel.basic_ack(tag, multiple=flag)
            model.settle(tag, multiple=flag, requeue=False)
        elif tag and step == "nack":
            channel.basic_nack(tag, multiple=flag, requeue=True)
            model.settle(tag, multiple=flag, requeue=True)
        elif tag:
            channel.basic_reject(tag, requeue=flag)
            model.settle(tag, multiple=False, requeue=flag)
        # RabbitMQ's counts may overtake the acks before them.
        eventually(lambda: lived.ready() == len(model.ready), timeout=3)
    channel.queue_delete(lived.queue)


QUEUES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}),
    "priorities": ({"highest": 5}, {"x-max-priority": 5}),
    "bounded": ({"max_length": 3}, {"x-max-length": 3}),
}


@pytest.mark.parametrize("kind", QUEUES)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=steps)
def test_a_queue_is_what_the_model_says(amqp_broker: PrivateBroker, kind: str, script: list[Step]) -> None:
    rules, arguments = QUEUES[kind]
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", amqp_broker.port))
    try:
        live(connection.channel(), script, Model(**rules), arguments)
    finally:
        connection.close()
