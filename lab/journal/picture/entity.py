"""A thing of the business as its services tell of it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class EntityPicture:
    """A thing of the business and its state as a service logged it: an order and where its saga stands."""

    entity: str
    id: str
    state: str
    since: float
    born: float
    source: str = ""
    correlation: str = ""
    reason: str = ""
    history: list[tuple[float, str]] = field(default_factory=list)
