"""A virtual host: its exchanges and queues by name, and the way of a message through them."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING

from lab.engines.amqp.core import dead_letter
from lab.engines.amqp.core.arguments import (
    check_alternate,
    check_x_match,
    queue_rules,
    require_same,
    require_same_arguments,
)
from lab.engines.amqp.core.errors import locked, no_exchange, no_queue, precondition, refused
from lab.engines.amqp.core.exchange import TYPES, Binding, Exchange
from lab.engines.amqp.core.message import Entry, Message, split_address
from lab.engines.amqp.core.queue import Queue
from lab.engines.amqp.core.reply_to import PSEUDO_QUEUE, ReplyInbox
from lab.engines.amqp.core.table import TYPE_NAMES, Table, as_text
from lab.engines.amqp.core.turns import FEW, SLOW, TURN

if TYPE_CHECKING:
    from lab.engines.amqp.core.broker import Broker
    from lab.engines.amqp.core.consumer import Consumer

PREDECLARED = {
    "amq.direct": "direct",
    "amq.fanout": "fanout",
    "amq.topic": "topic",
    "amq.headers": "headers",
    "amq.match": "headers",
    "amq.rabbitmq.trace": "topic",
}
_ROUTES_KEPT = 10_000

Taker = Queue | ReplyInbox
"""What takes a routed message, and feeds consumers."""


class VirtualHost:
    """See the module. Every change that must survive a restart is told to the broker's store."""

    def __init__(self, broker: Broker, name: str) -> None:
        self.broker = broker
        self.name = name
        self.queues: dict[str, Queue] = {}
        self.exchanges: dict[str, Exchange] = {}
        self.inboxes: dict[str, ReplyInbox] = {}
        """Who waits for direct replies, by address."""
        self.dead_letters: deque[tuple[Taker, Entry, str]] = deque()
        """Messages given up by their queues, and why: not yet published to the dead letter exchange."""
        self._exclusive: dict[object, dict[Queue, None]] = {}
        """Exclusive queues by their owner."""
        self._orphans: deque[Consumer] = deque()
        """Consumers whose queue went, not yet told: whoever deleted it hears of that first."""
        self._routes: dict[bytes, tuple[Taker, ...]] = {}
        for exchange, kind in {"": "direct", **PREDECLARED}.items():
            self.exchanges[exchange] = Exchange(
                exchange,
                kind,
                durable=True,
                auto_delete=False,
                internal=exchange == "amq.rabbitmq.trace",
                arguments={},
            )

    # exchanges

    def declare_exchange(
        self, name: str, kind: str, *, durable: bool, auto_delete: bool, internal: bool, arguments: Table
    ) -> None:
        """Raises ChannelFailure 403 for reserved names, 406 for an unknown type or a declaration that differs."""
        self._no_default_exchange(name)
        if kind not in TYPES:
            raise precondition(f"unknown exchange type '{kind}'")
        exchange = self.exchanges.get(name)
        if exchange is None:
            if name.startswith("amq."):
                raise refused(f"exchange name '{name}' contains reserved prefix 'amq.*'")
            check_alternate(name, self.name, arguments)
            exchange = Exchange(
                name, kind, durable=durable, auto_delete=auto_delete, internal=internal, arguments=arguments
            )
            self.exchanges[name] = exchange
            self._routes.clear()
            if durable:
                self.broker.store.exchange_declared(self.name, exchange)
            return
        for argument, received, current in (
            ("type", kind, exchange.kind),
            ("durable", durable, exchange.durable),
            ("auto_delete", auto_delete, exchange.auto_delete),
            ("internal", internal, exchange.internal),
        ):
            require_same("exchange", name, self.name, argument, received, current)
        require_same_arguments(
            "exchange", name, self.name, arguments, exchange.arguments, names=frozenset({"alternate-exchange"})
        )

    def exchange(self, name: str) -> Exchange:
        """Raises ChannelFailure 404."""
        found = self.exchanges.get(name)
        if found is None:
            raise no_exchange(name, self.name)
        return found

    def delete_exchange(self, name: str, *, if_unused: bool) -> Iterator[None]:
        """What is left to do then, step by step: one that is bound often stays until nothing is bound to it.

        Deleting what does not exist is fine. Raises ChannelFailure 403, 406.
        """
        self._no_default_exchange(name)
        if name.startswith("amq."):
            raise refused(f"deletion of system exchange '{name}' in vhost '{self.name}' not allowed")
        exchange = self.exchanges.get(name)
        if exchange is None:
            return iter(())
        if if_unused and exchange.bindings:
            raise precondition(f"exchange '{name}' in vhost '{self.name}' in use")
        bindings = [*exchange.bindings.values(), *exchange.incoming]
        if len(bindings) > FEW:
            return self._removing_exchange(exchange, bindings)
        self._remove_exchange(exchange)
        return iter(())

    def _removing_exchange(self, exchange: Exchange, bindings: list[Binding]) -> Iterator[None]:
        yield from self._unbinding(bindings)
        self._remove_exchange(exchange)

    def _remove_exchange(self, exchange: Exchange) -> None:
        if self.exchanges.get(exchange.name) is not exchange:
            return
        del self.exchanges[exchange.name]
        self._routes.clear()
        if exchange.durable:
            self.broker.store.exchange_deleted(self.name, exchange.name)
        for binding in [*exchange.bindings.values(), *exchange.incoming]:
            self.unbind(binding)

    # queues

    def declare_queue(
        self,
        name: str,
        user: object,
        *,
        durable: bool,
        exclusive: bool,
        auto_delete: bool,
        arguments: Table,
    ) -> Queue:
        """The queue of that name, made if need be; the empty name asks for one of the broker's own.

        An exclusive queue is never durable, whatever is asked: it goes with `user`, who declares it.
        Raises ChannelFailure 403, 405, 406.
        """
        lasting = durable and not exclusive
        queue = self.queues.get(name) if name else None
        if queue is not None:
            self.check_owner(queue, user)
            require_same("queue", name, self.name, "durable", lasting, queue.durable)
            if exclusive != (queue.owner is not None):
                raise locked(name, self.name)
            require_same("queue", name, self.name, "auto_delete", auto_delete, queue.auto_delete)
            require_same_arguments("queue", name, self.name, arguments, queue.arguments)
            queue.used()
            return queue
        if name.startswith("amq."):
            raise refused(f"queue name '{name}' contains reserved prefix 'amq.*'")
        name = name or server_name("amq.gen-")
        rules = queue_rules(name, self.name, arguments, durable=durable, exclusive=exclusive, auto_delete=auto_delete)
        queue = Queue(
            self,
            name,
            self.broker.store.new_number() if lasting else 0,
            rules,
            durable=lasting,
            auto_delete=auto_delete,
            owner=user if exclusive else None,
            arguments=arguments,
        )
        self.add_queue(queue)
        if exclusive:
            self._exclusive.setdefault(user, {})[queue] = None
        if lasting:
            self.broker.store.queue_declared(self.name, queue)
        return queue

    def add_queue(self, queue: Queue) -> None:
        self.queues[queue.name] = queue
        self._routes.clear()

    def queue(self, name: str, user: object) -> Queue:
        """Raises ChannelFailure 404, 405."""
        queue = self.queues.get(name)
        if queue is None:
            raise no_queue(name, self.name)
        self.check_owner(queue, user)
        return queue

    def check_owner(self, queue: Queue, user: object) -> None:
        """Raises ChannelFailure 405 when the queue is somebody else's alone."""
        if queue.owner is not None and queue.owner is not user:
            raise locked(queue.name, self.name)

    def remove_queue(self, queue: Queue) -> int:
        """Deletes a queue; how many messages were ready."""
        if self.queues.get(queue.name) is not queue:
            return 0
        self.broker.worked += SLOW
        count, rest = queue.clear()
        self.broker.later(rest)
        queue.deleted = True
        del self.queues[queue.name]
        self._routes.clear()
        if queue.owner is not None:
            owned = self._exclusive[queue.owner]
            del owned[queue]
            if not owned:
                del self._exclusive[queue.owner]
        if queue.number:
            self.broker.store.queue_deleted(self.name, queue.name, queue.number)
        for binding in list(queue.incoming):
            self.unbind(binding)
        self._orphans.extend(queue.consumers)
        queue.consumers.clear()
        return count

    def removing_queue(self, queue: Queue) -> Generator[None, None, int]:
        """Deletes a queue step by step: one that is bound often stays until it is not bound any more. How many messages
        were ready then."""
        if len(queue.incoming) > FEW:
            yield from self._unbinding(list(queue.incoming))
        return self.remove_queue(queue)

    def remove_queues_of(self, owner: object) -> None:
        """The exclusive queues of somebody who leaves: at once if they are few."""
        owned = list(self._exclusive.get(owner, ()))

        def remove() -> Iterator[None]:
            for queue in owned:
                yield from self.removing_queue(queue)
                yield

        if sum(1 + len(queue.incoming) for queue in owned) > FEW:
            self.broker.later(remove())
        else:
            for queue in owned:
                self.remove_queue(queue)

    # bindings

    def bind(self, binding: Binding) -> None:
        """Binding twice is binding once. Raises ChannelFailure 406 for a headers binding that makes no sense."""
        if binding.source.kind == "headers":
            check_x_match(binding.arguments)
        if binding.source.bind(binding):
            self._routes.clear()
            if _kept(binding):
                self.broker.store.bound(self.name, binding)

    def unbind(self, binding: Binding) -> None:
        """Unbinding what is not bound is fine."""
        found = binding.source.unbind(binding)
        if found is None:
            return
        self._routes.clear()
        if _kept(found):
            self.broker.store.unbound(self.name, found)
        source = found.source
        if source.auto_delete and not source.bindings:
            self._remove_exchange(source)

    def _unbinding(self, bindings: list[Binding]) -> Iterator[None]:
        for binding in bindings:
            self.broker.worked += SLOW
            self.unbind(binding)
            yield

    # messages

    def route(self, message: Message, copies: Sequence[str] = ()) -> Sequence[Taker]:
        """Where a message goes. `copies` are routing keys beside its own. Raises ChannelFailure 404."""
        queues = None if copies else self._routes.get(message.address)
        return self._route(message, copies) if queues is None else queues

    def put(self, message: Message, queues: Sequence[Taker]) -> bool:
        """Puts a message into all these queues; whether all of them took it."""
        store = self.broker.store
        takers = queues
        refusing = [queue for queue in queues if queue.refuses(message)]
        if refusing:
            takers = [queue for queue in queues if queue not in refusing]
            for queue in refusing:
                if queue.rules.overflow == "reject-publish-dlx" and queue.rules.dead_letter_exchange is not None:
                    self.dead_letters.append((queue, Entry(message, 0, None, False), "maxlen"))
                    self.broker.memory += message.size
        if message.properties.persistent:
            kept = [queue for queue in takers if queue.number]
            if kept:
                store.published(
                    message, [(queue.number, queue.next_position(), queue.lifetime(message)) for queue in kept]
                )
            for queue in takers:
                queue.push(message, queue.number != 0)
        else:
            for queue in takers:
                queue.push(message, False)
        return not refusing

    def put_in_turns(self, message: Message, queues: Sequence[Taker]) -> Iterator[bool]:
        """`put` for many queues, a turn's worth at a time. Those that are deleted meanwhile are left out."""
        for start in range(0, len(queues), TURN):
            yield self.put(message, [queue for queue in queues[start : start + TURN] if not queue.deleted])

    @property
    def unsettled(self) -> bool:
        """Whether `settle` has something to do."""
        return bool(self.dead_letters or self._orphans)

    def settle(self) -> None:
        """Tells consumers that their queue went; publishes what queues gave up to their dead letter exchanges, until
        the turn is over."""
        broker = self.broker
        while self._orphans:
            self._orphans.popleft().queue_gone()
        while self.dead_letters and not broker.turn_is_over:
            broker.worked += SLOW
            queue, entry, reason = self.dead_letters.popleft()
            try:
                self._bury(queue, entry, reason)
            except Exception as error:  # one message, or a defect that it meets, must not stop all others
                broker.give_up(queue.name, [entry.message], error)
            # Only now: the store must know where a message went before it hears that it left.
            queue.forget(entry)

    def _bury(self, queue: Taker, entry: Entry, reason: str) -> None:
        rules = queue.rules
        exchange = self.exchanges.get(rules.dead_letter_exchange or "")
        if exchange is None:
            return
        self.broker.bring_back(entry)
        dead = dead_letter.dead_lettered(
            entry.message, queue.name, reason, exchange.name, rules.dead_letter_key, int(self.broker.wall())
        )
        self._publish_dead(dead)

    def _publish_dead(self, message: Message) -> None:
        headers = message.headers
        queues = self._route(message, copies_of(headers, "CC"))
        allowed = tuple(queue for queue in queues if not dead_letter.goes_round(headers, queue.name))
        for queue in allowed:
            if queue.refuses(message):
                continue
            if message.properties.persistent and queue.number:
                self.broker.store.published(message, [(queue.number, queue.next_position(), queue.lifetime(message))])
            queue.push(message, message.properties.persistent and queue.number != 0)

    def _route(self, message: Message, copies: Sequence[str]) -> tuple[Taker, ...]:
        name, key = message.exchange, message.routing_key
        exchange = self.exchange(name)
        keys = [key, *copies]
        fixed = not copies and not key.startswith(PSEUDO_QUEUE)
        found: dict[Taker, None] = {}
        seen = {exchange}
        todo = [exchange]
        while todo:
            at = todo.pop()
            if at.name == "":
                for each in keys:
                    taker = self.queues.get(each) or self.inboxes.get(each)
                    if taker is not None:
                        found[taker] = None
                continue
            if at.kind == "headers":
                fixed = False
            matched: list[Binding] = [binding for key in keys for binding in at.matching(key, lambda: message.headers)]
            if not matched and at.alternate is not None:
                other = self.exchanges.get(at.alternate)
                if other is not None and other not in seen:
                    seen.add(other)
                    todo.append(other)
            for binding in matched:
                destination = binding.destination
                if isinstance(destination, Queue):
                    found[destination] = None
                elif destination not in seen:
                    seen.add(destination)
                    todo.append(destination)
        queues = tuple(found)
        if fixed and not exchange.internal:
            if len(self._routes) >= _ROUTES_KEPT:
                self._routes.clear()
            self._routes[message.address] = queues
        return queues

    def check_publish(self, address: bytes) -> None:
        """Raises ChannelFailure 404 for a missing exchange, 403 for an internal one."""
        if address in self._routes:
            return
        name = split_address(address)[0]
        exchange = self.exchange(name)
        if exchange.internal:
            raise refused(f"cannot publish to internal exchange '{name}' in vhost '{self.name}'")

    def _no_default_exchange(self, name: str) -> None:
        if name == "":
            raise refused("operation not permitted on the default exchange")


def server_name(prefix: str) -> str:
    return prefix + urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")


def _kept(binding: Binding) -> bool:
    """Whether a binding outlives the broker: both its ends must."""
    destination = binding.destination
    lasting = destination.number != 0 if isinstance(destination, Queue) else destination.durable
    return binding.source.durable and lasting


def copies_of(headers: Table, *names: str) -> list[str]:
    """Extra routing keys, in the headers of these names. Raises ChannelFailure 406 for one that is no list."""
    keys: list[str] = []
    for name in names:
        field = headers.get(name)
        if field is None:
            continue
        if field.tag != "A":
            raise precondition(f'invalid message: {{unacceptable_type_in_header,"{name}",{TYPE_NAMES[field.tag]}}}')
        keys += [value for each in field.value if (value := as_text(each)) is not None]
    return keys
