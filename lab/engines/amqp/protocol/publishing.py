"""What a channel publishes: contents put together from their frames, checked, routed, returned and confirmed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lab.engines.amqp.core.arguments import check_expiration
from lab.engines.amqp.core.errors import ConnectionFailure, not_implemented, precondition
from lab.engines.amqp.core.message import Message
from lab.engines.amqp.core.properties import Properties, body_size, with_changes
from lab.engines.amqp.core.queue import Queue
from lab.engines.amqp.core.reply_to import PSEUDO_QUEUE
from lab.engines.amqp.core.turns import TURN
from lab.engines.amqp.core.vhost import Taker, copies_of
from lab.engines.amqp.protocol import frames, methods

if TYPE_CHECKING:
    from lab.engines.amqp.protocol.channel import Channel

MAX_BODY = 134217728
"""Octets of the largest body taken, RabbitMQ's default."""


class Publishing:
    """See the module."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._number = channel.number
        self._vhost = channel.vhost
        self._connection = channel.connection
        self._broker = channel.broker
        self.confirming = False
        self._published = 0
        self._unsafe: dict[int, None] = {}
        """Sequence numbers of messages that wait for the disk, in order."""
        self._confirmed: list[int] = []
        """Sequence numbers of messages that have become safe together: confirmed at the next flush."""
        self._address: bytes | None = None
        self._flags = 0
        self._header: bytes | None = None
        self._body: list[bytes] = []
        self._missing = 0

    def method(self, payload: bytes) -> None:
        """A basic.publish, still encoded. Raises methods.BadMethod."""
        address = payload[6:-1]
        try:
            whole = len(address) == 2 + address[0] + address[1 + address[0]]
        except IndexError:
            whole = False
        if not whole:
            raise methods.bad(payload)
        self._address = address
        self._flags = payload[-1]
        if self._broker.alarms:
            self._connection.block()

    def header(self, payload: bytes) -> None:
        if self._address is None or self._header is not None:
            raise self.out_of_order()
        if payload[:4] != b"\x00\x3c\x00\x00":
            other = int.from_bytes(payload[:2], "big")
            if other == 60:  # the weight after it is always 0
                raise self.out_of_order()
            raise frames.unexpected_frame(f"expected content header for class 60, got one for class {other} instead")
        self._header = payload
        self._missing = body_size(payload)
        if self._missing > MAX_BODY:
            raise precondition(f"message size {self._missing} is larger than configured max size {MAX_BODY}")
        if not self._missing:
            self._complete(b"")

    def body(self, payload: bytes) -> None:
        if self._header is None:
            raise self.out_of_order()
        self._missing -= len(payload)
        if self._missing < 0:
            raise self.out_of_order()
        if not self._missing and not self._body:
            self._complete(payload)
            return
        self._body.append(payload)
        if not self._missing:
            self._complete(b"".join(self._body))

    @property
    def open(self) -> bool:
        """Whether a basic.publish waits for the rest of its content."""
        return self._address is not None

    def out_of_order(self) -> ConnectionFailure:
        if self._address is None:
            return frames.unexpected_frame("expected method frame, got non method frame instead")
        if self._header is None:
            return frames.unexpected_frame("expected content header for class 60, got non content header frame instead")
        return frames.unexpected_frame("expected content body, got non content body frame instead")

    def _complete(self, content: bytes) -> None:
        assert self._address is not None
        assert self._header is not None
        address, header, flags = self._address, self._header, self._flags
        self._address = self._header = None
        if self._body:
            self._body = []
        if flags & 2:
            raise not_implemented("immediate=true")
        self._vhost.check_publish(address)
        properties = Properties(header)
        if properties.reply_to == PSEUDO_QUEUE.encode():
            inbox = self._channel.inbox
            if inbox is None:
                raise precondition("fast reply consumer does not exist")
            header = with_changes(header, reply_to=inbox.name.encode())
            properties = Properties(header)
        self._check(properties)
        message = Message(address, header, content, properties)
        copies: list[str] = []
        if properties.headers_at:
            headers = message.headers  # read once here, so that a malformed table is its publisher's failure
            if b"CC" in header:
                copies = copies_of(headers, "CC", "BCC")
            if "BCC" in headers:
                del headers["BCC"]
                message = Message(address, with_changes(header, headers=headers), content)
        if properties.delivery_mode not in (None, 1, 2):
            raise precondition(f"invalid message: {{delivery_mode_unknown,{properties.delivery_mode}}}")
        mandatory = bool(flags & 1)
        transaction = self._channel.transaction
        if transaction is not None:
            transaction.append(self._committed(message, copies, mandatory))
            return
        if self.confirming:
            self._published += 1
        before = self._broker.store.position
        queues = self._route(message, copies, mandatory)
        if len(queues) <= TURN:
            self._confirm(message, before, self._vhost.put(message, queues))
        else:
            self._connection.wait_for(self._in_turns(self._channel, message, before, queues))

    def _check(self, properties: Properties) -> None:
        """Raises ChannelFailure 406 for a user id that is not the client's, or an expiration that is no time."""
        if properties.user_id is not None and properties.user_id != self._connection.user_bytes:
            claimed = properties.user_id.decode("utf-8", "replace")
            raise precondition(
                f"user_id property set to '{claimed}' but authenticated user was '{self._connection.user}'"
            )
        if properties.expiration is not None:
            check_expiration(properties.expiration)

    def _route(self, message: Message, copies: list[str], mandatory: bool) -> Sequence[Taker]:
        """Where it goes; it is returned if that is nowhere and its publisher minds."""
        queues = self._vhost.route(message, copies)
        if mandatory and not any(isinstance(queue, Queue) for queue in queues):
            # A waiting reply consumer is no queue: RabbitMQ returns even what it hands over to one.
            self._return(message, 312, "NO_ROUTE")
        return queues

    def _committed(self, message: Message, copies: list[str], mandatory: bool) -> Iterator[bool]:
        """Publishes what a transaction held."""
        yield from self._vhost.put_in_turns(message, self._route(message, copies, mandatory))

    def _in_turns(self, channel: Channel, message: Message, before: int, queues: Sequence[Taker]) -> Iterator[None]:
        accepted = True
        for took in self._vhost.put_in_turns(message, queues):
            accepted = accepted and took
            yield
        if not channel.closing:
            self._confirm(message, before, accepted)

    def _confirm(self, message: Message, before: int, accepted: bool) -> None:
        """Tells the publisher, if it wants to know, whether all queues took the message; `before` is where the store
        was before they did."""
        sequence = self._published
        if not sequence:
            return
        if not accepted:
            self.flush_confirms()
            # All below is settled unless it waits for the disk, so "and all below" is as true as this one alone.
            self._connection.write(frames.nack(self._number, sequence, not self._unsafe))
        elif self._broker.store.position != before and message.properties.persistent:
            self._unsafe[sequence] = None
            self._broker.when_safe(lambda: self._now_safe(sequence))
        else:
            self._connection.write(frames.ack(self._number, sequence, False))

    def _now_safe(self, sequence: int) -> None:
        if self._unsafe.pop(sequence, sequence) is None:
            if not self._confirmed:
                self._connection.confirm_soon(self._channel)
            self._confirmed.append(sequence)

    def flush_confirms(self) -> None:
        """Writes the confirms gathered since the last call: one `multiple` ack as far as nothing is left open below."""
        sequences = self._confirmed
        if not sequences:
            return
        self._confirmed = []
        sequences.sort()
        oldest_open = next(iter(self._unsafe), None)
        split = len(sequences)
        if oldest_open is not None:
            split = sum(1 for each in sequences if each < oldest_open)
        if split > 1:
            self._connection.write(frames.ack(self._number, sequences[split - 1], True))
        else:
            split = 0
        for sequence in sequences[split:]:
            self._connection.write(frames.ack(self._number, sequence, False))

    def _return(self, message: Message, code: int, text: str) -> None:
        method = frames.returned(self._number, code, text, message.address)
        self._connection.write(
            frames.content(self._number, method, message.header, message.body, self._connection.frame_max)
        )

    def stop(self) -> None:
        """The channel ends: what is not confirmed by now never is."""
        self.flush_confirms()
        self._unsafe.clear()
        self._address = self._header = None
        self._body = []

    def let_go(self) -> None:
        """Its channel is over, and is not to be part of a circle."""
        del self._channel
