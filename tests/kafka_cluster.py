"""The embedded Kafka for tests, and clients that say what they see."""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from lab.engines.kafka.ready import answers
from tests.brokers import PrivateBroker, free_port
from tests.waiting import eventually

SESSION_MS = 2_000
"""So long a member may be silent; the mock cluster takes a second less for every rebalance."""
QUIET = {"log_level": 0, "broker.address.family": "v4"}


class MockCluster(PrivateBroker):
    name = "kafka"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [sys.executable, "-m", "lab.engines.kafka", "--port", str(self.port)]

    def _greets(self) -> bool:
        try:
            return not asyncio.run(asyncio.wait_for(answers("127.0.0.1", self.port), 2))
        except (OSError, TimeoutError):
            return False


class ThreeBrokers(MockCluster):
    def command(self) -> list[str]:
        return [*super().command(), "--port", str(free_port()), "--port", str(free_port())]

    def __enter__(self) -> ThreeBrokers:
        self.start()
        return self


def topic() -> str:
    """A name that nobody else has."""
    return f"orders-{uuid.uuid4().hex[:8]}"


@contextmanager
def producer(address: str, **settings: Any) -> Iterator[Producer]:
    made = Producer({**QUIET, "bootstrap.servers": address, "acks": "all", "retry.backoff.ms": 50, **_dotted(settings)})
    yield made
    made.flush(5)


def produced(client: Producer, topic: str, *values: str, key: str = "k", timeout: float = 15) -> list[int]:
    """The offsets under which these were stored, one after the other."""
    offsets: list[int] = []

    def told(error: Any, message: Message) -> None:
        assert error is None, error
        offset = message.offset()
        assert offset is not None
        offsets.append(offset)

    for value in values:
        client.produce(topic, value, key=key, on_delivery=told)
        assert client.flush(timeout) == 0, "not confirmed in time"
    return offsets


class Reader:
    """A consumer in a group; `got` is what it was given so far."""

    def __init__(self, address: str, topic: str, group: str = "readers", **settings: Any) -> None:
        self.got: list[str] = []
        self.client = Consumer(
            {
                **QUIET,
                "bootstrap.servers": address,
                "group.id": group,
                "client.id": f"{group}-{uuid.uuid4().hex[:4]}",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "allow.auto.create.topics": True,
                "session.timeout.ms": SESSION_MS,
                "heartbeat.interval.ms": 200,
                "reconnect.backoff.max.ms": 200,
                "topic.metadata.refresh.interval.ms": 500,
                **_dotted(settings),
            }
        )
        self.client.subscribe([topic])

    def poll(self, seconds: float = 0.05) -> None:
        message = self.client.poll(seconds)
        if message is not None and message.error() is None:
            self.got.append((message.value() or b"").decode("utf-8", "replace"))

    def until(self, condition: Callable[[], Any], timeout: float = 20) -> None:
        """Read on until it is so."""

        def look() -> Any:
            self.poll()
            return condition()

        eventually(look, timeout)

    def commit(self) -> str:
        """What the broker says to a commit of all that was read: nothing, or why not."""
        try:
            self.client.commit(asynchronous=False)
        except KafkaException as error:
            return str(error.args[0].name())
        return ""

    def close(self) -> None:
        self.client.close()


@contextmanager
def reader(address: str, topic: str, group: str = "readers", **settings: Any) -> Iterator[Reader]:
    made = Reader(address, topic, group, **settings)
    try:
        yield made
    finally:
        made.close()


def lag(address: str, group: str, topic: str, partitions: int = 4) -> int:
    """How many records of the topic the group has not dealt with."""
    client = Consumer({**QUIET, "bootstrap.servers": address, "group.id": group})
    try:
        known = client.committed([TopicPartition(topic, number) for number in range(partitions)], timeout=5)
        return sum(client.get_watermark_offsets(place, timeout=5)[1] - max(0, place.offset) for place in known)
    finally:
        client.close()


def _dotted(settings: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "."): value for name, value in settings.items()}


def stored(address: str, topic: str, partitions: int = 4) -> list[str]:
    """Everything in a topic, read past every group."""
    client = Consumer({**QUIET, "bootstrap.servers": address, "group.id": "nobody", "enable.auto.commit": False})
    try:
        client.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
        try:
            ends = sum(client.get_watermark_offsets(TopicPartition(topic, number))[1] for number in range(partitions))
        except KafkaException:  # there is no such topic yet
            return []
        found: list[str] = []
        deadline = time.monotonic() + 10
        while len(found) < ends and time.monotonic() < deadline:
            message = client.poll(0.1)
            if message is not None and message.error() is None:
                found.append((message.value() or b"").decode())
        return found
    finally:
        client.close()
