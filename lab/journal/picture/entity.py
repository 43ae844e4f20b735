"""A business entity as the services report it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EntityPicture:
    """A thing of the business and its state as a service logged it: an order and where its saga stands. `born` and
    `since` are the seconds at which it was first told of and came into this state; `history` holds every (t, state)."""

    entity: str
    id: str
    state: str
    since: float
    born: float
    source: str = ""
    correlation: str = ""
    reason: str = ""
    history: tuple[tuple[float, str], ...] = ()
