"""What the probes share: connections to the broker under test that are gone afterwards, with what they declared."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from tests.brokers import PrivateBroker


class Client:
    """Connections and channels to one broker, and names nobody else uses on it."""

    def __init__(self, broker: PrivateBroker) -> None:
        self.broker = broker
        self.port = broker.port
        self._mark = uuid.uuid4().hex[:8]
        self._connections: list[pika.BlockingConnection] = []
        self._queues: list[str] = []
        self._exchanges: list[str] = []

    def connect(self, **parameters: Any) -> pika.BlockingConnection:
        options = {"blocked_connection_timeout": 20, "socket_timeout": 20, **parameters}
        connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.port, **options))
        self._connections.append(connection)
        return connection

    def channel(self) -> BlockingChannel:
        """A channel on a connection of its own."""
        return self.connect().channel()

    def name(self, what: str) -> str:
        return f"probe.{what}.{self._mark}"

    def queue(self, channel: BlockingChannel, what: str = "q", **options: Any) -> str:
        """Declares a queue that is deleted after the test."""
        name = self.name(what)
        self._queues.append(name)
        channel.queue_declare(name, **options)
        return name

    def exchange(self, channel: BlockingChannel, kind: str, what: str = "x", **options: Any) -> str:
        name = self.name(what)
        self._exchanges.append(name)
        channel.exchange_declare(name, kind, **options)
        return name

    def clean(self) -> None:
        for connection in self._connections:
            with contextlib.suppress(pika.exceptions.AMQPError):  # the broker may have gone meanwhile
                connection.close()
        if self._queues or self._exchanges:
            connection = self.connect()
            channel = connection.channel()
            for queue in self._queues:
                channel.queue_delete(queue)
            for exchange in self._exchanges:
                channel.exchange_delete(exchange)
            connection.close()


@pytest.fixture
def client(amqp_broker: PrivateBroker) -> Iterator[Client]:
    client = Client(amqp_broker)
    try:
        yield client
    finally:
        client.clean()


Refused = Callable[..., tuple[int, str]]


@pytest.fixture
def refusal() -> Callable[[Callable[[], object]], tuple[int, str]]:
    """refusal(call): the code and text with which the broker closes the channel or the connection under `call`."""

    def of(call: Callable[[], object]) -> tuple[int, str]:
        try:
            call()
        except (pika.exceptions.ChannelClosedByBroker, pika.exceptions.ConnectionClosedByBroker) as closed:
            return closed.reply_code, closed.reply_text
        raise AssertionError("the broker did not refuse it")

    return of
