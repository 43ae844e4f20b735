"""A queue: ready messages in order, consumers in turn, limits and expiry."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from lab.engines.amqp.core.backlog import backlog
from lab.engines.amqp.core.consumer import Consumer
from lab.engines.amqp.core.message import Entry, Message, counted
from lab.engines.amqp.core.rota import Rota

if TYPE_CHECKING:
    from lab.engines.amqp.core.arguments import QueueRules
    from lab.engines.amqp.core.exchange import Binding
    from lab.engines.amqp.core.table import Table
    from lab.engines.amqp.core.vhost import VirtualHost


class Queue:
    """See the module. It knows nothing of exchanges."""

    def __init__(
        self,
        vhost: VirtualHost,
        name: str,
        number: int,
        rules: QueueRules,
        *,
        durable: bool,
        auto_delete: bool,
        owner: object,
        arguments: Table,
    ) -> None:
        self.vhost = vhost
        self.broker = vhost.broker
        self.name = name
        self.number = number
        """Its identity in the store; 0 is a queue that the store does not know."""
        self.rules = rules
        self.durable = durable
        self.auto_delete = auto_delete
        self.owner = owner
        """Who alone may use it and whom it goes with; None where everybody may."""
        self.arguments = arguments
        self.ready = backlog(rules.max_priority)
        self.ready_bytes = 0
        self.unacked = 0
        self.consumers: dict[Consumer, None] = {}
        self.incoming: dict[Binding, None] = {}
        """Bindings that end here."""
        self.deleted = False
        self.last_used = self.broker.now
        self._rota = Rota()
        self._active: Consumer | None = None
        self._position = 0
        self._wake_at: float | None = None
        self._dispatching_later = False
        self._bounded = rules.max_length is not None or rules.max_bytes is not None
        self._watch_use()

    # publishing

    def refuses(self, message: Message) -> bool:
        """Whether it is full and set to reject what comes."""
        rules = self.rules
        if not self._bounded or rules.overflow == "drop-head":
            return False
        if rules.max_length is not None and len(self.ready) + 1 > rules.max_length:
            return True
        return rules.max_bytes is not None and self.ready_bytes + len(message.body) > rules.max_bytes

    def next_position(self) -> int:
        return self._position + 1

    def lifetime(self, message: Message) -> float | None:
        """Seconds a message may wait here: the smaller of the queue's and its own."""
        expiration = message.properties.expiration
        own = None if expiration is None else int(expiration) / 1000
        ttl = self.rules.ttl
        if own is None or ttl is None:
            return ttl if own is None else own
        return min(own, ttl)

    def push(self, message: Message, stored: bool) -> None:
        """A new message: to a consumer at once if nothing waits before it, else to the end of the line."""
        self._position += 1
        self.broker.worked += 1
        lifetime = self.lifetime(message)
        entry = Entry(message, self._position, None if lifetime is None else self.broker.now + lifetime, stored)
        self.broker.memory += message.size
        if not len(self.ready):
            consumer = self._rota.next()
            if consumer is not None:
                self._hand_over(entry, consumer)
                return
        self._join(entry)
        if lifetime is not None:
            self._expire()
        if self._bounded:
            for _ in self._shorten():
                pass  # one as a rule: it was short enough before

    def restore(self, entry: Entry) -> None:
        """A message read back from the store, in order of position."""
        self._position = max(self._position, entry.position)
        self.broker.memory += entry.message.size
        self._join(entry)

    # delivering

    def dispatch(self) -> None:
        """Hands out ready messages for as long as a consumer can take one, and the turn lasts."""
        ready, broker = self.ready, self.broker
        while len(ready):
            if broker.turn_is_over:
                self._dispatch_later()
                return
            consumer = self._rota.next()
            if consumer is None:
                break
            broker.worked += 1
            entry = self._next()
            if entry.expires_at is not None and entry.expires_at <= broker.now:
                self._die(entry, "expired")
                continue
            self._hand_over(entry, consumer)
        if len(ready):
            self._expire()

    def _dispatch_later(self) -> None:
        if self._dispatching_later:
            return
        self._dispatching_later = True

        def go_on() -> Iterator[None]:
            self._dispatching_later = False
            if not self.deleted:
                self.dispatch()
            yield

        self.broker.later(go_on())

    def take(self) -> Entry | None:
        """The head, for basic.get; the caller finishes, requeues or keeps it."""
        self.used()
        while len(self.ready):
            entry = self._next()
            if entry.expires_at is not None and entry.expires_at <= self.broker.now:
                self._die(entry, "expired")
                continue
            self.unacked += 1
            if entry.stored:
                self.broker.store.delivered(self.number, entry.position)
            self._expire()
            return entry
        return None

    def as_delivered(self, entry: Entry) -> Message:
        """The message as a consumer sees it."""
        return counted(entry.message, entry.attempts) if self.rules.quorum else entry.message

    def _join(self, entry: Entry) -> None:
        """To the end of the line; the body to disk if memory is short."""
        broker = self.broker
        self.ready.append(entry)
        self.ready_bytes += entry.size
        if broker.memory > broker.spill_above:
            broker.set_aside(entry)

    def _next(self) -> Entry:
        """The head of the line with its body. Raises IndexError when nothing is ready."""
        entry = self._pop()
        self.broker.bring_back(entry)
        return entry

    def _pop(self) -> Entry:
        entry = self.ready.pop()
        self.ready_bytes -= entry.size
        return entry

    def _hand_over(self, entry: Entry, consumer: Consumer) -> None:
        consumer.deliver(entry, self.as_delivered(entry))
        if consumer.no_ack:
            self.forget(entry)
        else:
            self.unacked += 1
            if entry.stored:
                self.broker.store.delivered(self.number, entry.position)

    # ending

    def finish(self, entry: Entry) -> None:
        """The entry was acked."""
        self.unacked -= 1
        self.forget(entry)

    def reject(self, entry: Entry) -> None:
        """The entry was refused for good."""
        self.unacked -= 1
        self._die(entry, "rejected")

    def put_back(self, entry: Entry) -> None:
        """Puts an entry back where it was; `dispatch_returned` is to follow the last of several."""
        limit = self.rules.delivery_limit
        self.unacked -= 1
        entry.redelivered = True
        entry.attempts += 1
        if self.deleted:
            self.forget(entry)
        elif limit is not None and entry.attempts > limit:
            self._die(entry, "delivery_limit")
        else:
            self.ready.put_back(entry)
            self.ready_bytes += entry.size

    def dispatch_returned(self) -> None:
        """Hands out what was put back."""
        if not self.deleted:
            self.dispatch()
            if self._bounded:
                self.broker.later(self._shorten())

    def clear(self) -> tuple[int, Iterator[None]]:
        """Drops all ready messages: how many, and what is left to do for each of them."""
        self._expire()
        doomed, self.ready = self.ready, backlog(self.rules.max_priority)
        self.ready_bytes = 0

        def drop() -> Iterator[None]:
            while len(doomed):
                self.forget(doomed.pop())
                yield

        return len(doomed), drop()

    def forget(self, entry: Entry) -> None:
        """The message has left the queue for good."""
        self.broker.let_go(entry)
        if entry.stored:
            entry.stored = False
            self.broker.store.removed(self.number, entry.position)

    def _die(self, entry: Entry, reason: str) -> None:
        self.broker.worked += 1
        if self.rules.dead_letter_exchange is not None and not self.deleted:
            self.vhost.dead_letters.append((self, entry, reason))
        else:
            self.forget(entry)

    def _shorten(self) -> Iterator[None]:
        """Drops from the head what is too much."""
        rules = self.rules
        while len(self.ready) and (
            (rules.max_length is not None and len(self.ready) > rules.max_length)
            or (rules.max_bytes is not None and self.ready_bytes > rules.max_bytes)
        ):
            self._die(self._pop(), "maxlen")
            yield

    def _expire(self) -> None:
        """Drops expired messages from the head, where alone they expire, and sets the clock for the next."""
        head = self.ready.head()
        while head is not None and head.expires_at is not None:
            if head.expires_at > self.broker.now or self.broker.turn_is_over:
                if self._wake_at is None or head.expires_at < self._wake_at:
                    self._wake_at = head.expires_at
                    self.broker.at(head.expires_at, self._woken_by_clock)
                return
            self._die(self._pop(), "expired")
            head = self.ready.head()

    def _woken_by_clock(self) -> None:
        self._wake_at = None
        if not self.deleted:
            self._expire()

    # consumers

    def add_consumer(self, consumer: Consumer) -> None:
        self.consumers[consumer] = None
        if not self.rules.single_active:
            self._rota.add(consumer)
        elif self._active is None:
            self._activate(consumer)

    def remove_consumer(self, consumer: Consumer) -> None:
        """Takes a consumer away; an auto-delete queue goes with its last."""
        if consumer not in self.consumers:
            return
        del self.consumers[consumer]
        self._rota.remove(consumer)
        consumer.parked = False
        if self._active is consumer:
            self._active = None
            if self.consumers:
                self._activate(max(self.consumers, key=lambda each: each.priority))
        if not self.consumers:
            self.used()
            if self.auto_delete and not self.deleted:
                self.vhost.remove_queue(self)
                return
            self._watch_use()
        self.dispatch()

    def woken(self, consumer: Consumer) -> None:
        """A parked consumer can take messages again."""
        if self.rules.single_active and consumer is not self._active:
            return
        self._rota.add(consumer)
        self.dispatch()

    @property
    def exclusively_consumed(self) -> bool:
        return any(consumer.exclusive for consumer in islice(self.consumers, 1))  # which has no other beside it

    @property
    def active(self) -> Collection[Consumer]:
        """The consumers that are served: all, or the single active one."""
        if self.rules.single_active:
            return [] if self._active is None else [self._active]
        return self.consumers

    def _activate(self, consumer: Consumer) -> None:
        self._active = consumer
        consumer.parked = False
        self._rota.add(consumer)

    # use

    def used(self) -> None:
        """Somebody declared it, got from it or consumed from it: x-expires counts from now."""
        self.last_used = self.broker.now

    def _watch_use(self) -> None:
        if self.rules.expires is not None:
            self.broker.at(self.last_used + self.rules.expires, self._check_use)

    def _check_use(self) -> None:
        expires = self.rules.expires
        if self.deleted or self.consumers or expires is None:
            return
        if self.last_used + expires <= self.broker.now:
            self.vhost.remove_queue(self)
        else:
            self._watch_use()
