"""The broker as it was: exchanges, queues, bindings and messages from what the log holds."""

from __future__ import annotations

from lab.engines.amqp.core.arguments import queue_rules
from lab.engines.amqp.core.broker import Broker
from lab.engines.amqp.core.errors import AmqpError
from lab.engines.amqp.core.exchange import Binding, Exchange
from lab.engines.amqp.core.message import Entry, Message
from lab.engines.amqp.core.queue import Queue
from lab.engines.amqp.core.records import Saved, SavedMessage


def restore(broker: Broker, saved: Saved) -> None:
    """Fills a new broker; messages that expired meanwhile go the way of all expired ones.

    What cannot be as it was is given up (`Broker.give_up`), and leaves the store. Raises OSError.
    """
    for (vhost_name, name), (kind, auto_delete, internal, arguments) in saved.exchanges.items():
        broker.add_vhost(vhost_name).exchanges[name] = Exchange(
            name, kind, durable=True, auto_delete=auto_delete, internal=internal, arguments=arguments
        )
    wall = broker.wall()
    for number, (vhost_name, name, auto_delete, arguments) in saved.queues.items():
        vhost = broker.add_vhost(vhost_name)
        messages = saved.messages.pop(number, {})
        try:
            rules = queue_rules(name, vhost_name, arguments, durable=True, exclusive=False, auto_delete=auto_delete)
        except AmqpError as error:
            _give_up(broker, name, number, messages, error)
            broker.store.queue_deleted(vhost_name, name, number)
            continue
        queue = Queue(
            vhost, name, number, rules, durable=True, auto_delete=auto_delete, owner=None, arguments=arguments
        )
        vhost.add_queue(queue)
        for position, message in sorted(messages.items()):
            try:
                content = Message(message.address, message.header, message.body)
            except (AmqpError, IndexError) as error:
                _give_up(broker, name, number, {position: message}, error)
                continue
            expires_at = None if message.expires is None else broker.now + max(0.0, message.expires - wall)
            entry = Entry(content, position, expires_at, True)
            entry.redelivered = message.redelivered
            if message.place is not None:
                entry.place = broker.spill.keep(*message.place)
                entry.size = message.place[2]
            queue.restore(entry)
    for number, lost in saved.messages.items():
        _give_up(broker, f"number {number}", number, lost, ValueError("the queue's declaration was lost by damage"))
    for vhost_name, source, what, destination, key, arguments in saved.bindings.values():
        vhost = broker.add_vhost(vhost_name)
        start = vhost.exchanges.get(source)
        end = (vhost.queues if what == "queue" else vhost.exchanges).get(destination)
        if start is not None and end is not None:
            start.bind(Binding(start, end, key, arguments))
    for vhost in broker.vhosts.values():
        for queue in list(vhost.queues.values()):
            queue.dispatch()
    broker.settle()


def _give_up(broker: Broker, queue: str, number: int, messages: dict[int, SavedMessage], error: Exception) -> None:
    if messages:
        broker.give_up(queue, list(messages.values()), error)
    for position in messages:
        broker.store.removed(number, position)
