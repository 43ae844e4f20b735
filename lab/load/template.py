"""Requests with placeholders: `{n}`, `{uuid}`, `{int:1:9}`, `{choice:a|b}`, `{pick:POOL}` and `{own:POOL}`."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from random import Random
from types import MappingProxyType
from typing import Any

from lab.load.pools import EmptyPool, Pools
from lab.locale import tr
from lab.system.model import Journey

NOTHING: Mapping[str, Any] = MappingProxyType({})

_PLACEHOLDER = re.compile(r"\{([a-z]+)(?::([^{}]*))?\}")


def fill(template: Any, number: int, chance: Random, pools: Pools, own: Mapping[str, Any] = NOTHING) -> Any:
    """`template` with its placeholders replaced, at any depth. A string that is one placeholder only becomes the
    value itself, with its own type; `own` is what this visitor has put into pools. Raises EmptyPool, or ValueError for
    a placeholder that there is not."""
    if isinstance(template, dict):
        return {key: fill(value, number, chance, pools, own) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [fill(value, number, chance, pools, own) for value in template]
    if not isinstance(template, str):
        return template
    whole = _PLACEHOLDER.fullmatch(template)
    if whole:
        return _value(whole, number, chance, pools, own)
    return _PLACEHOLDER.sub(lambda found: str(_value(found, number, chance, pools, own)), template)


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


def _value(found: re.Match[str], number: int, chance: Random, pools: Pools, own: Mapping[str, Any]) -> Any:
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
        case "own":
            if argument not in own:
                raise EmptyPool(argument)
            return own[argument]
        case _:
            raise ValueError(
                tr("{found} is not a placeholder; there are n, uuid, int, choice, pick and own", found=found[0])
            )
