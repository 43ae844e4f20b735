"""Which session decodes which protocol. Decoders are loaded when a link needs them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from lab.wire.raw import RawSession
from lab.wire.session import Session

_SESSIONS = {
    "http": ("lab.wire.http.session", "HttpSession"),
    "redis": ("lab.wire.redis.session", "RedisSession"),
    "amqp": ("lab.wire.amqp.session", "AmqpSession"),
}


def session_factory(protocol: str) -> Callable[[], Session]:
    """What makes a fresh session for a connection of this protocol; raw for one that has no decoder (`tcp`, `sql`)."""
    if protocol not in _SESSIONS:
        return RawSession
    module, name = _SESSIONS[protocol]
    factory: Callable[[], Session] = getattr(import_module(module), name)
    return factory
