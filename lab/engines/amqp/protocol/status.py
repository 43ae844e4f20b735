"""What a broker holds at this moment, as plain data: for people, for the dashboard, for tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from lab.engines.amqp.core.queue import Queue
from lab.engines.amqp.core.table import Field, Table
from lab.engines.amqp.core.turns import FEW
from lab.engines.amqp.protocol.consumer import ChannelConsumer

if TYPE_CHECKING:
    from lab.engines.amqp.core.consumer import Consumer
    from lab.engines.amqp.core.exchange import Binding, Exchange
    from lab.engines.amqp.protocol.clients import Clients
    from lab.engines.amqp.protocol.connection import Connection

T = TypeVar("T")

SOCKET_NAME = "status.sock"
"""A running broker listens on a Unix socket of this name in its data folder: it answers a connection with one JSON
object and closes."""
LONGEST_SOCKET_PATH = 100
"""Octets in that socket's path, with a little to spare on every system; in a deeper folder there is none."""


def status(clients: Clients, url: str) -> Iterator[str]:
    """JSON, piece by piece: `url`, `memory` (octets of messages), `alarms`, `connections`, `vhosts` with `exchanges`,
    `queues`, `bindings`, `consumers`. Each item is as it is when its piece is asked for."""
    broker = clients.broker
    head = {"url": url, "memory": broker.memory, "alarms": sorted(broker.alarms)}
    yield json.dumps(head)[:-1]
    yield ', "connections": '
    yield from _listed(clients.connections, _connection)
    opened = ', "vhosts": {'
    for name, vhost in list(broker.vhosts.items()):
        yield f'{opened}{json.dumps(name)}: {{"exchanges": '
        yield from _listed(vhost.exchanges.values(), _exchange)
        yield ', "queues": '
        yield from _listed(vhost.queues.values(), _queue)
        yield ', "bindings": '
        bindings = (binding for exchange in vhost.exchanges.values() for binding in exchange.bindings.values())
        yield from _listed(bindings, _binding)
        yield ', "consumers": '
        consumers = ((consumer, queue) for queue in vhost.queues.values() for consumer in queue.consumers)
        yield from _listed(consumers, _consumer)
        yield "}"
        opened = ", "
    yield "}}\n"


def _listed(items: Iterable[T], plain: Callable[[T], dict[str, Any]]) -> Iterator[str]:
    """A JSON array of what is there now, a few items a piece."""
    now = list(items)
    yield "["
    for start in range(0, len(now), FEW):
        yield (", " if start else "") + json.dumps([plain(item) for item in now[start : start + FEW]])[1:-1]
    yield "]"


def _connection(connection: Connection) -> dict[str, Any]:
    return {
        "name": connection.name,
        "peer": connection.peer,
        "user": connection.user,
        "vhost": connection.vhost.name,
        "state": "blocked" if connection.blocked else connection.state.name.lower(),
        "channels": len(connection.channels),
    }


def _binding(binding: Binding) -> dict[str, Any]:
    return {
        "source": binding.source.name,
        "destination": binding.destination.name,
        "to": "queue" if isinstance(binding.destination, Queue) else "exchange",
        "routing_key": binding.routing_key,
        "arguments": _plain_table(binding.arguments),
    }


def _consumer(consumed: tuple[Consumer, Queue]) -> dict[str, Any]:
    consumer, queue = consumed
    assert isinstance(consumer, ChannelConsumer)  # there are no others
    return {
        "tag": consumer.tag,
        "queue": queue.name,
        "connection": consumer.channel.connection.name,
        "prefetch": consumer.limit,
        "unacked": consumer.unacked,
        "ack": not consumer.no_ack,
        "exclusive": consumer.exclusive,
        "priority": consumer.priority,
        "active": consumer in queue.active,
    }


def _exchange(exchange: Exchange) -> dict[str, Any]:
    return {
        "name": exchange.name,
        "type": exchange.kind,
        "durable": exchange.durable,
        "auto_delete": exchange.auto_delete,
        "internal": exchange.internal,
        "arguments": _plain_table(exchange.arguments),
    }


def _queue(queue: Queue) -> dict[str, Any]:
    return {
        "name": queue.name,
        "ready": len(queue.ready),
        "unacked": queue.unacked,
        "bytes": queue.ready_bytes,
        "consumers": len(queue.consumers),
        "durable": queue.durable,
        "auto_delete": queue.auto_delete,
        "exclusive": queue.owner is not None,
        "arguments": _plain_table(queue.arguments),
    }


def _plain_table(table: Table) -> dict[str, Any]:
    return {name: _plain(field) for name, field in table.items()}


def _plain(field: Field) -> Any:
    if field.tag == "F":
        return _plain_table(field.value)
    if field.tag == "A":
        return [_plain(each) for each in field.value]
    if isinstance(field.value, bytes):
        return field.value.decode("utf-8", "replace")
    return field.value
