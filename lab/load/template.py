"""Requests with placeholders, and the values that fill them."""

from __future__ import annotations

import re
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from lab.system.model import Journey

_PLACEHOLDER = re.compile(r"\{([a-z]+)(?::([^{}]*))?\}")
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


def fill(template: Any, number: int, chance: Random, pools: Pools) -> Any:
    """`template` with its placeholders replaced, at any depth. A string that is one placeholder only becomes the
    value itself, with its own type. Raises EmptyPool, or ValueError for a placeholder that there is not."""
    if isinstance(template, dict):
        return {key: fill(value, number, chance, pools) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [fill(value, number, chance, pools) for value in template]
    if not isinstance(template, str):
        return template
    whole = _PLACEHOLDER.fullmatch(template)
    if whole:
        return _value(whole, number, chance, pools)
    return _PLACEHOLDER.sub(lambda found: str(_value(found, number, chance, pools)), template)


def picks(journey: Journey) -> set[str]:
    """The pools that a journey needs filled before it begins: those it picks from and has not filled itself."""
    needed: set[str] = set()
    own: set[str] = set()
    for request in journey.requests:
        names = {found[2] for found in _strings(request.path, request.json) if found[1] == "pick"}
        needed |= names - own
        own |= set(request.save)
    return needed


def fills(journey: Journey) -> set[str]:
    """The pools that a journey puts something into."""
    return {pool for request in journey.requests for pool in request.save}


def _strings(*templates: Any) -> Iterable[re.Match[str]]:
    for template in templates:
        if isinstance(template, dict):
            yield from _strings(*template.values())
        elif isinstance(template, list | tuple):
            yield from _strings(*template)
        elif isinstance(template, str):
            yield from _PLACEHOLDER.finditer(template)


def _value(found: re.Match[str], number: int, chance: Random, pools: Pools) -> Any:
    name, argument = found[1], found[2] or ""
    match name:
        case "n":
            return number
        case "uuid":
            return str(uuid.UUID(int=chance.getrandbits(128), version=4))
        case "int":
            low, _, high = argument.partition(":")
            return chance.randint(int(low), int(high))
        case "choice":
            return chance.choice(argument.split("|"))
        case "pick":
            return pools.pick(argument)
        case _:
            raise ValueError(f"{found[0]} is not a placeholder; there are n, uuid, int, choice and pick")
