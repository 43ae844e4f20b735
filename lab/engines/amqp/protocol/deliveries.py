"""What a channel was sent and has not acknowledged: by tag, in order, until it is acked, rejected or given back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from lab.engines.amqp.core.errors import precondition
from lab.engines.amqp.core.message import Entry
from lab.engines.amqp.core.queue import Queue
from lab.engines.amqp.core.turns import FEW
from lab.engines.amqp.protocol.consumer import ChannelConsumer

if TYPE_CHECKING:
    from lab.engines.amqp.protocol.channel import Channel

Held = tuple[Entry, Queue, ChannelConsumer | None]
"""A delivery that waits for its ack; no consumer for one that came by basic.get."""

End = Callable[[Queue, Entry], None] | None
"""What becomes of a delivery: `Queue.finish` (acked), `Queue.reject`, or None: back to its place."""


class Deliveries:
    """See the module."""

    __slots__ = ("_channel", "_uncommitted", "limit", "load", "tag", "unacked")

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.tag = 0
        """The last delivery tag given."""
        self.unacked: dict[int, Held] = {}
        self.load = 0
        """Unacked deliveries to consumers."""
        self.limit = 0
        """Prefetch for all consumers together; 0 is none."""
        self._uncommitted: list[tuple[int, Held]] = []
        """Acknowledged in a transaction that is still open."""

    def settle(self, tag: int, multiple: bool, end: End) -> None:
        """An ack, nack or reject. Raises ChannelFailure 406 for a tag that is not to be acknowledged."""
        taken = self._take(tag, multiple)
        transaction = self._channel.transaction
        if transaction is not None:
            self._uncommitted += taken
            transaction.append(True for _ in _steps(self._channel, [held for _, held in taken], end))
            return
        self._end([held for _, held in taken], end)

    def committed(self) -> None:
        """The steps of the transaction were carried out."""
        self._uncommitted = []

    def roll_back(self) -> None:
        """Acks that were not committed did not happen."""
        if self._uncommitted:
            self.unacked = dict(sorted([*self.unacked.items(), *self._uncommitted], key=lambda item: item[0]))
            self._uncommitted = []

    def give_all_back(self, then: Sequence[Callable[[], None]] = ()) -> None:
        """Everything unacked returns to its queue; `then` is done after that, maybe in a later turn."""
        taken = list(self.unacked.values())
        self.unacked.clear()
        self._end(taken, None, then)

    def _take(self, tag: int, multiple: bool) -> list[tuple[int, Held]]:
        unacked = self.unacked
        if not multiple:
            held = unacked.pop(tag, None)
            if held is None:
                raise precondition(f"unknown delivery tag {tag}")
            return [(tag, held)]
        if tag == 0:
            taken = list(unacked.items())
            unacked.clear()
            return taken
        if tag not in unacked:
            raise precondition(f"unknown delivery tag {tag}")
        taken = []
        for each in unacked:
            if each > tag:
                break
            taken.append((each, unacked[each]))
        for each, _ in taken:
            del unacked[each]
        return taken

    def _end(self, taken: list[Held], end: End, then: Sequence[Callable[[], None]] = ()) -> None:
        """What many deliveries need is done in turns; their client waits for it, as it would if they were few."""
        steps = _steps(self._channel, taken, end, then)
        if len(taken) + len(then) > FEW:
            self._channel.connection.wait_for(steps)
        else:
            for _ in steps:
                pass

    def let_go(self) -> None:
        """Its channel is over, and is not to be part of a circle."""
        del self._channel


def _steps(channel: Channel, taken: list[Held], end: End, then: Sequence[Callable[[], None]] = ()) -> Iterator[None]:
    returned: dict[Queue, None] = {}
    for entry, queue, consumer in taken:
        if end is None:
            queue.put_back(entry)
            returned[queue] = None
        else:
            end(queue, entry)
        if consumer is not None:
            consumer.released()
        yield
    for queue in returned:
        queue.dispatch_returned()
    _wake(channel, taken)
    for each in then:
        each()
        yield


def _wake(channel: Channel, taken: list[Held]) -> None:
    """Consumers that these deliveries held up may go on."""
    if channel.deliveries.limit:
        channel.wake()
    elif len(taken) == 1:
        consumer = taken[0][2]
        if consumer is not None and consumer.parked:
            consumer.wake()
    else:
        for consumer in {held[2]: None for held in taken}:
            if consumer is not None:
                consumer.wake()
