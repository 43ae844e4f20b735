"""The broker as it was: exchanges, queues, bindings and messages from what the log holds."""

from __future__ import annotations

from lab.engines.amqp.core.arguments import queue_rules
from lab.engines.amqp.core.broker import Broker
from lab.engines.amqp.core.exchange import Binding, Exchange
from lab.engines.amqp.core.message import Entry, Message
from lab.engines.amqp.core.queue import Queue
from lab.engines.amqp.core.records import Saved


def restore(broker: Broker, saved: Saved) -> None:
    """Fills a new broker; messages that expired meanwhile go the way of all expired ones."""
    for (vhost_name, name), (kind, auto_delete, internal, arguments) in saved.exchanges.items():
        broker.add_vhost(vhost_name).exchanges[name] = Exchange(
            name, kind, durable=True, auto_delete=auto_delete, internal=internal, arguments=arguments
        )
    wall = broker.wall()
    for number, (vhost_name, name, auto_delete, arguments) in saved.queues.items():
        vhost = broker.add_vhost(vhost_name)
        queue = Queue(
            vhost,
            name,
            number,
            queue_rules(name, vhost_name, arguments, durable=True, exclusive=False, auto_delete=auto_delete),
            durable=True,
            auto_delete=auto_delete,
            owner=None,
            arguments=arguments,
        )
        vhost.add_queue(queue)
        for position, message in sorted(saved.messages.pop(number, {}).items()):
            expires_at = None if message.expires is None else broker.now + max(0.0, message.expires - wall)
            entry = Entry(Message(message.address, message.header, message.body), position, expires_at, True)
            entry.redelivered = message.redelivered
            queue.restore(entry)
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
