"""How the state of an entity is to be taken is declared once."""

from __future__ import annotations

import pytest

from lab.system.entity import Entity, mood

ENTITIES = (Entity(name="order", states={"pending": "going-on", "confirmed": "good", "cancelled": "bad"}),)


@pytest.mark.parametrize(
    ("name", "state", "how"),
    [
        ("order", "confirmed", "good"),
        ("order", "cancelled", "bad"),
        ("order", "pending", "going-on"),
        ("order", "packed", "going-on"),
        ("parcel", "confirmed", "neutral"),
        ("breaker", "open", "bad"),
        ("breaker", "half-open", "going-on"),
    ],
)
def test_a_state_is_taken_as_declared(name: str, state: str, how: str) -> None:
    assert mood(ENTITIES, name, state) == how
