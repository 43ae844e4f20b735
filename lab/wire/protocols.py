"""Which session decodes which protocol. Decoders are loaded when a link needs them."""

from __future__ import annotations

from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any, cast

from lab.system.kinds import protocols
from lab.wire.raw import RawSession
from lab.wire.session import Address, Session


def session_factory(protocol: str) -> Callable[[Address], Session]:
    """What makes a fresh session for a connection of this protocol; raw for one that has no decoder (`tcp`, `sql`).

    It is called with the tap's own address, and passes that on to a session that rewrites.
    """
    known = protocols().get(protocol)
    made: Any = resolve_name(known.session) if known is not None and known.session else RawSession
    if made.rewrites:
        return lambda here: cast("Session", made(here))
    return lambda _here: cast("Session", made())
