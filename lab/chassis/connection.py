"""Connecting to the broker: every wait has an end."""

from __future__ import annotations

import pika


def parameters(url: str, name: str) -> pika.URLParameters:
    """How to connect. What the URL says itself (`?heartbeat=5`) goes first.

    pika's own defaults leave two waits without one: publishing while the broker is blocked, and a heartbeat of
    whatever the broker proposes (60 s), which is how long a dead connection would look alive.
    """
    found = pika.URLParameters(url)
    if "heartbeat=" not in url:
        found.heartbeat = 5
    if "blocked_connection_timeout=" not in url:
        found.blocked_connection_timeout = 10
    if "socket_timeout=" not in url:
        found.socket_timeout = 3
    if "stack_timeout=" not in url:
        found.stack_timeout = 5
    found.connection_attempts = 1  # whoever connects has a back-off of its own
    found.client_properties = {"connection_name": name}
    return found


def backoff(failures: int) -> float:
    """Seconds to wait before connecting again after so many failures in a row."""
    return float(min(5.0, 0.2 * 2 ** min(failures, 6)))
