"""Faults that nobody chose: drawn from the catalogue over the links and processes of a system, the same for a seed.

    [draw]
    since = 10          # seconds after the system became ready: the first fault
    until = 150         # no fault begins later
    every = 12          # seconds from one to the next
    lasting = 5         # for so long each of them lasts
    spare = ["kill broker"]   # shell patterns of faults that are not drawn

What visitors themselves have to do with (the links of the client) is left alone: nobody can promise them anything
there. So are databases, and what does not heal: who is asked to stop (`terminate`) stays away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from random import Random

from lab.faults import aim
from lab.faults.catalogue import KINDS
from lab.faults.kind import Kind
from lab.faults.text import FaultError, complete, parse, write_time
from lab.faults.text import format as to_text
from lab.system.model import CLIENT, System

STAYS = ("terminate", "slow-start")
"""Kinds whose process does not come back by itself, or that do nothing on their own."""
VICTIMS = 3
"""So many messages are hit by a fault that would hit one if nobody said otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    since: float
    until: float
    every: float
    lasting: float
    spare: tuple[str, ...] = ()

    @property
    def times(self) -> list[float]:
        """When the faults begin."""
        return [self.since + n * self.every for n in range(int((self.until - self.since) // self.every) + 1)]


def drawn(draw: Draw, system: System, seed: int) -> list[tuple[float, str]]:
    """When which fault begins, in the text form. No kind comes a second time before each has come once."""
    chance = Random(f"{seed}/draw")
    known = {name: list(_possible(kind, draw, system)) for name, kind in KINDS.items()}
    possible = {name: texts for name, texts in known.items() if texts}
    found: list[tuple[float, str]] = []
    kinds: list[str] = []
    for at in draw.times if possible else []:
        kinds = kinds or chance.sample(sorted(possible), len(possible))
        found.append((at, chance.choice(possible[kinds.pop()])))
    return found


def _possible(kind: Kind, draw: Draw, system: System) -> Iterator[str]:
    """The faults of this kind that make sense in the system."""
    if kind.name in STAYS:
        return
    for target in _targets(kind, system):
        text = f"{kind.name} {target}"
        if kind.count is not None:
            text += f" x{VICTIMS}"
        if not (kind.instant or kind.once):
            text += f" for {write_time(draw.lasting)}"
        try:
            text = to_text(complete(aim.aimed(parse(text), system)))
        except FaultError:
            continue
        if not any(fnmatchcase(text, pattern) for pattern in draw.spare):
            yield text


def _targets(kind: Kind, system: System) -> list[str]:
    files = {engine.name for engine in system.engines if engine.kind == "sql"}
    if kind.scope == "process":
        ours = [name for one in system.services if one.role == "service" for name in one.instances]
        return [*ours, *(engine.name for engine in system.engines if engine.name not in files)]
    links = [link for link in system.links if link.source != CLIENT and link.target not in files]
    if kind.scope == "pair":
        return list(dict.fromkeys(f"{link.source}<->{link.target}" for link in links))
    return [link.id for link in links]
