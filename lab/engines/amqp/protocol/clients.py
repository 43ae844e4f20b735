"""Who is connected to a broker: all connections, who may log in, and which connections have something to send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.engines.amqp.core.broker import Broker

if TYPE_CHECKING:
    from lab.engines.amqp.protocol.connection import Connection

USERS = {"guest": "guest"}


class Clients:
    """See the module. Plain data that the connections of one broker share with their driver."""

    def __init__(self, broker: Broker, users: dict[str, str] | None = None) -> None:
        self.broker = broker
        self.users = USERS if users is None else users
        """Passwords by name."""
        self.connections: dict[Connection, None] = {}
        self.changed: dict[Connection, None] = {}
        """Connections with bytes to write or a socket to close."""
        self.unfinished: dict[Connection, None] = {}
        """Connections whose turn ended before all that they sent was done: `go_on` is to be called, in order."""

    def shut_down(self) -> None:
        """Tells every client that the broker goes, as RabbitMQ does; requeues what they held."""
        for connection in list(self.connections):
            connection.force_close("shutdown")
