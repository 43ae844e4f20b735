"""What a service needs of a broker, whichever it is: RabbitMQ (`rabbitmq.py`) or Kafka (`kafka/`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from lab.chassis.events import Event

EVENTS = "shop.events"
"""Where facts are told: the exchange, or the topic, that all services share."""
TRACEPARENT = "traceparent"
"""The header of a message that belongs to a trace."""


class NotPublished(Exception):
    """The broker has not taken the message, or nobody knows whether it has."""


class Unroutable(NotPublished):
    """The broker has no queue for the message."""


@dataclass(frozen=True)
class Outgoing:
    """A message to publish. Without an `exchange` it goes to one queue only, the one that `routing_key` names.

    Messages with the same `key` stay in order, where the broker keeps an order by keys.
    """

    exchange: str
    routing_key: str
    body: bytes
    message_id: str = ""
    correlation_id: str = ""
    headers: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""


Confirmed = Future[None]


@dataclass(frozen=True)
class Message:
    """One delivery."""

    body: bytes
    message_id: str = ""
    correlation_id: str = ""
    headers: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""


class Verdict(Enum):
    """What to tell the broker about a delivery."""

    ACK = "ack"
    REQUEUE = "requeue"


Handle = Callable[[Message], Verdict]
"""Deals with a message and says what to tell the broker. It must not raise."""


@dataclass(frozen=True)
class Subscription:
    """Events of these `types`, to be handled under the name of a `queue`."""

    queue: str
    types: Sequence[str]
    handler: Callable[[Event], None]


class Publisher(Protocol):
    """Keeps a connection for publishing."""

    @property
    def connected(self) -> bool: ...
    def publish(self, message: Outgoing) -> Confirmed: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def check(self) -> str | None: ...


class Consumer(Protocol):
    """Keeps a connection for consuming."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def check(self) -> str | None: ...


class Broker(Protocol):
    """A service's connections to its broker."""

    @property
    def publisher(self) -> Publisher: ...
    @property
    def consumer(self) -> Consumer: ...
    def subscribe(self, subscription: Subscription) -> None:
        """Before `consumer.start`."""

    def replay(self) -> int:
        """Give every message that is parked now another first try; how many those were. Raises NotPublished if the
        broker does not answer."""
