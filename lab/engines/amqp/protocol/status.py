"""What a broker holds at this moment, as plain data: for people, for the dashboard, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.engines.amqp.core.queue import Queue
from lab.engines.amqp.core.table import Field, Table
from lab.engines.amqp.protocol.consumer import ChannelConsumer

if TYPE_CHECKING:
    from lab.engines.amqp.core.consumer import Consumer
    from lab.engines.amqp.core.exchange import Exchange
    from lab.engines.amqp.core.vhost import VirtualHost
    from lab.engines.amqp.protocol.clients import Clients
    from lab.engines.amqp.protocol.connection import Connection

SOCKET_NAME = "status.sock"
"""A running broker listens on a Unix socket of this name in its data folder: it answers a connection with one JSON
object, its `url` and the status, and closes."""
LONGEST_SOCKET_PATH = 100
"""Octets in that socket's path, with a little to spare on every system; in a deeper folder there is none."""


def status(clients: Clients) -> dict[str, Any]:
    """JSON-ready: `memory` (octets of messages), `alarms`, `connections`, `vhosts` with `exchanges`, `queues`,
    `bindings`, `consumers`."""
    broker = clients.broker
    return {
        "memory": broker.memory,
        "alarms": sorted(broker.alarms),
        "connections": [_connection(each) for each in clients.connections],
        "vhosts": {name: _vhost(each) for name, each in broker.vhosts.items()},
    }


def _connection(connection: Connection) -> dict[str, Any]:
    return {
        "name": connection.name,
        "peer": connection.peer,
        "user": connection.user,
        "vhost": connection.vhost.name,
        "state": "blocked" if connection.blocked else connection.state.name.lower(),
        "channels": len(connection.channels),
    }


def _vhost(vhost: VirtualHost) -> dict[str, Any]:
    queues = list(vhost.queues.values())
    return {
        "exchanges": [_exchange(each) for each in vhost.exchanges.values()],
        "queues": [_queue(each) for each in queues],
        "bindings": [
            {
                "source": binding.source.name,
                "destination": binding.destination.name,
                "to": "queue" if isinstance(binding.destination, Queue) else "exchange",
                "routing_key": binding.routing_key,
                "arguments": _plain_table(binding.arguments),
            }
            for exchange in vhost.exchanges.values()
            for binding in exchange.bindings.values()
        ],
        "consumers": [_consumer(each, queue) for queue in queues for each in queue.consumers],
    }


def _consumer(consumer: Consumer, queue: Queue) -> dict[str, Any]:
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
