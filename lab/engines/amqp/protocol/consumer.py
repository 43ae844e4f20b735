"""A channel's standing wish for a queue's messages, within its prefetch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.engines.amqp.core.table import short_string
from lab.engines.amqp.protocol import frames

if TYPE_CHECKING:
    from lab.engines.amqp.core.message import Entry, Message
    from lab.engines.amqp.core.table import Table
    from lab.engines.amqp.core.vhost import Taker
    from lab.engines.amqp.protocol.channel import Channel


class ChannelConsumer:
    """See the module. To its queue it is a `core.consumer.Consumer`."""

    __slots__ = (
        "_tag",
        "arguments",
        "channel",
        "exclusive",
        "limit",
        "no_ack",
        "parked",
        "priority",
        "queue",
        "tag",
        "unacked",
    )

    def __init__(
        self,
        channel: Channel,
        queue: Taker,
        tag: str,
        *,
        no_ack: bool,
        exclusive: bool = False,
        priority: int = 0,
        limit: int = 0,
        arguments: Table | None = None,
    ) -> None:
        self.channel = channel
        self.queue = queue
        self.tag = tag
        self.no_ack = no_ack
        self.exclusive = exclusive
        self.priority = priority
        self.limit = limit
        """Prefetch of its own; 0 is none."""
        self.arguments: Table = arguments or {}
        self.unacked = 0
        self.parked = False
        """Found unable to take a message, so not in the rota."""
        self._tag = short_string(tag)

    def able(self) -> bool:
        """Whether it may be sent a message now: its own prefetch, its channel's, room in its connection's buffer."""
        channel = self.channel
        if channel.connection.room <= 0 or not channel.flowing:
            return False
        deliveries = channel.deliveries
        if deliveries.limit and deliveries.load >= deliveries.limit:
            return False  # not even for one that acks nothing, though its deliveries do not count
        return self.no_ack or not self.limit or self.unacked < self.limit

    def deliver(self, entry: Entry, message: Message) -> None:
        """Writes the delivery; the entry is the channel's from here unless the consumer acks nothing."""
        channel = self.channel
        connection = channel.connection
        deliveries = channel.deliveries
        tag = deliveries.tag = deliveries.tag + 1
        if not self.no_ack:
            self.unacked += 1
            deliveries.load += 1
            deliveries.unacked[tag] = (entry, self.queue, self)  # type: ignore[assignment]
        connection.write(
            frames.content(
                channel.number,
                frames.deliver(channel.number, self._tag, tag, entry.redelivered, message.address),
                message.header,
                message.body,
                connection.frame_max,
            )
        )

    def queue_gone(self) -> None:
        """Its queue was deleted: its channel forgets it and tells the client."""
        self.channel.queue_gone(self)

    def released(self) -> None:
        """One of its deliveries was acked, rejected or requeued."""
        self.unacked -= 1
        self.channel.deliveries.load -= 1

    def wake(self) -> None:
        """Something changed in its favour; back into the rota if it was parked."""
        if self.parked and self.able():
            self.parked = False
            self.queue.woken(self)
