"""What the core knows of a client: somebody who takes a queue's messages, and somebody who waits to publish again."""

from __future__ import annotations

from typing import Protocol

from lab.engines.amqp.core.message import Entry, Message


class Consumer(Protocol):
    """Fed by one queue, from `add_consumer` until `remove_consumer` or `queue_gone`."""

    parked: bool
    """Found unable to take a message, so not in the rota; set by the queue."""

    @property
    def no_ack(self) -> bool:
        """Whether a message is done with once it is delivered."""

    @property
    def exclusive(self) -> bool: ...

    @property
    def priority(self) -> int: ...

    def able(self) -> bool:
        """Whether it may be sent a message now."""

    def deliver(self, entry: Entry, message: Message) -> None:
        """Sends the message; the entry is the consumer's from here, unless it acks nothing."""

    def queue_gone(self) -> None:
        """Its queue was deleted."""


class Publisher(Protocol):
    """A client that was blocked because it published while something had run out."""

    def unblock(self) -> None:
        """There is room again."""
