"""Which session decodes which protocol. Decoders are loaded when a link needs them."""

from __future__ import annotations

from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any, cast

from lab.system.kinds import protocols
from lab.wire.raw import RawSession
from lab.wire.session import Door, Session


def session_factory(protocol: str) -> Callable[[Door], Session]:
    """What makes a fresh session for each connection of one tap; raw for a protocol that has no decoder (`tcp`, `sql`).

    A session that rewrites gets the tap's door. Where a protocol names a function instead of a class, that is asked
    once a tap for what makes them: what the sessions of a tap know together is kept there.
    """
    known = protocols().get(protocol)
    made: Any = resolve_name(known.session) if known is not None and known.session else RawSession
    if not isinstance(made, type):
        return cast("Callable[[Door], Session]", made())
    if made.rewrites:  # type: ignore[attr-defined]
        return lambda door: cast("Session", made(door))
    return lambda _door: cast("Session", made())
