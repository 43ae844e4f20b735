"""A message as published, and its place in one queue."""

from __future__ import annotations

from lab.engines.amqp.core.properties import Properties, headers_of, with_changes
from lab.engines.amqp.core.spill import Place
from lab.engines.amqp.core.table import Field, Table, short_string

OVERHEAD = 500
"""Octets of memory a message takes beside its content."""


class Message:
    """One published content; shared by every queue it was routed to. Never changed after it is made."""

    __slots__ = ("address", "body", "header", "properties")

    def __init__(self, address: bytes, header: bytes, body: bytes, properties: Properties | None = None) -> None:
        self.address = address
        """Exchange and routing key as two short strings, as they stand in publish, deliver, get-ok and return."""
        self.header = header
        self.body = body
        self.properties = Properties(header) if properties is None else properties

    @property
    def exchange(self) -> str:
        return split_address(self.address)[0]

    @property
    def routing_key(self) -> str:
        return split_address(self.address)[1]

    @property
    def headers(self) -> Table:
        return headers_of(self.header) if self.properties.headers_at else {}

    @property
    def size(self) -> int:
        """Octets it takes in memory, about."""
        return len(self.body) + len(self.header) + OVERHEAD


class Entry:
    """A message's place in one queue."""

    __slots__ = ("attempts", "expires_at", "message", "place", "position", "redelivered", "size", "stored")

    def __init__(self, message: Message, position: int, expires_at: float | None, stored: bool) -> None:
        self.message = message
        self.position = position
        """Rises with every message of the queue; a requeued message goes back to where it was."""
        self.expires_at = expires_at
        self.redelivered = False
        self.stored = stored
        """Whether the store knows it, so that its end must be written too."""
        self.size = len(message.body)
        self.place: Place | None = None
        """Where the body is while memory has no room for it; the message's own is empty then."""
        self.attempts = 0
        """How often it was returned to the queue."""

    def __lt__(self, other: Entry) -> bool:
        return self.position < other.position


def counted(message: Message, attempts: int) -> Message:
    """The message as a quorum queue delivers it: with the number of earlier attempts in its headers."""
    headers = {**message.headers, "x-delivery-count": Field("l", attempts)}
    return Message(message.address, with_changes(message.header, headers=headers), message.body)


def address_of(exchange: str, routing_key: str) -> bytes:
    return short_string(exchange) + short_string(routing_key)


def split_address(address: bytes) -> tuple[str, str]:
    """(exchange, routing key)"""
    cut = 1 + address[0]
    return (
        address[1:cut].decode("utf-8", "surrogateescape"),
        address[cut + 1 :].decode("utf-8", "surrogateescape"),
    )
