"""Values from earlier answers, for later visitors to pick from."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

_KEEP = 2000
"""Values a pool remembers: the newest ones."""
SETTLED = 1.0
"""Seconds after which a value counts as known everywhere: what one service answered, the others hear of a moment later,
and a visitor does not order in the millisecond after registering."""


class EmptyPool(Exception):
    """A journey picks from a pool into which nothing was put yet; the message is the pool's name."""


class Pools:
    """Values from earlier answers, by pool name. `now` is a clock in seconds.

    Picking has a `chance` of its own: what there is to pick from depends on the system's answers, and must not change
    what else a visitor does.
    """

    def __init__(self, now: Callable[[], float], chance: Random) -> None:
        self._now = now
        self._chance = chance
        self._values: dict[str, deque[tuple[float, Any]]] = {}

    def put(self, pool: str, value: Any) -> None:
        self._values.setdefault(pool, deque(maxlen=_KEEP)).append((self._now(), value))

    def pick(self, pool: str) -> Any:
        """A settled value, or any if none is settled yet. Raises EmptyPool."""
        values = self._values.get(pool)
        if not values:
            raise EmptyPool(pool)
        settled = _older_than(values, self._now() - SETTLED)
        return values[self._chance.randrange(settled or len(values))][1]

    def filled(self, pool: str) -> bool:
        return bool(self._values.get(pool))


def _older_than(values: deque[tuple[float, Any]], moment: float) -> int:
    """How many of the values, which are in the order of time, are older. From the end: there the young ones are few."""
    young = 0
    for put, _ in reversed(values):
        if put <= moment:
            break
        young += 1
    return len(values) - young
