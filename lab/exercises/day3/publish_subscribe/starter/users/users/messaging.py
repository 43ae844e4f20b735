"""Talking to the broker."""

from __future__ import annotations

import pika

EXCHANGE = "shop.events"

# TODO: publish. A pika connection belongs to one thread, and requests are answered by many: let one thread own the
# connection (pika.BlockingConnection, a channel with confirm_delivery), and hand it events through a queue.Queue.


def parameters(url: str, name: str) -> pika.URLParameters:
    """How to connect, with an end to every wait; what the URL says itself (`?heartbeat=10`) goes first."""
    found = pika.URLParameters(url)
    if "heartbeat=" not in url:
        found.heartbeat = 5  # the broker's own proposal is a minute: that long a dead connection would look alive
    found.blocked_connection_timeout = 10
    found.socket_timeout = 3
    found.stack_timeout = 5
    found.client_properties = {"connection_name": name}
    return found
