"""What the business counts, and how each state of it is to be taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Mood = Literal["good", "bad", "neutral", "going-on"]
"""A good, bad or neutral end, or no end yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A thing of the business (an order, a job), by the name and with the states that services log of it."""

    name: str
    states: Mapping[str, Mood]


BREAKER = Entity(name="breaker", states={"closed": "good", "open": "bad", "half-open": "going-on"})
"""Every system may have breakers; services log them in a form of their own."""


def mood(entities: Iterable[Entity], name: str, state: str) -> Mood:
    """How to take that a `name` is in this state. One that has not been declared goes on, and of an entity that has not
    been declared nothing is known."""
    for entity in (*entities, BREAKER):
        if entity.name == name:
            return entity.states.get(state, "going-on")
    return "neutral"
