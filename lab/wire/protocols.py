"""Which session decodes which protocol. Decoders are loaded when a link needs them."""

from __future__ import annotations

from collections.abc import Callable
from pkgutil import resolve_name

from lab.system.kinds import protocols
from lab.wire.raw import RawSession
from lab.wire.session import Session


def session_factory(protocol: str) -> Callable[[], Session]:
    """What makes a fresh session for a connection of this protocol; raw for one that has no decoder (`tcp`, `sql`)."""
    known = protocols().get(protocol)
    if known is None or not known.session:
        return RawSession
    factory: Callable[[], Session] = resolve_name(known.session)
    return factory
