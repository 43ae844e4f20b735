"""The description of a kind of Fault: where it acts, what it takes, what it does, and what it promises.

Units: seconds, bytes, bytes a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lab.faults.fault import Value
from lab.locale import mark

Scope = Literal["link", "pair", "process"]
Unit = Literal["time", "rate", "bytes", "number", "word"]
Traffic = Literal["", "deliveries", "publishes"]
TRAFFIC = (mark("deliveries"), mark("publishes"))
Counts = Literal["victims", "cut connections"]
Effect = Literal["slow", "hold", "mute", "cut", "shut", "hang", "content"]
"""What a fault does to a link or a process.

| effect | what it does |
| --- | --- |
| `slow` | everything goes through, but later: by `delay`, or at `rate` |
| `hold` | nothing goes through and nothing ends; what was held goes on when it heals |
| `mute` | requests arrive, answers are lost |
| `cut` | live connections end, or the process does |
| `shut` | live connections end, and new ones are refused |
| `hang` | live connections end, and new ones wait for ever |
| `content` | chosen messages are answered, changed, repeated, held back or lost |
"""


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter with its default: seconds, bytes a second, bytes, a number (`low` to `high`), one of `words`."""

    name: str
    unit: Unit
    default: Value
    words: tuple[str, ...] = ()
    low: int = 0
    high: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One entry of the catalogue.

    `summary` says what the fault does, `promise` what the client sees. The first of `params` is the VALUE that may be
    written without its name. Empty `protocols` mean any. `selective` kinds take a share, a pattern and a count.
    `instant` kinds happen once and are over, so they take no duration; a kind that is `once` does so on a whole link
    and lasts on chosen messages. A `lasting` kind goes on after its count is spent, until it heals. `counts` names the
    victims that can be counted, if not all of them can. `needs` is the traffic without which the fault hits nothing,
    because some links of its protocol lack it: one service only consumes, another only publishes. `verbs` are what
    it hits, as patterns call it; empty: anything.
    """

    name: str
    scope: Scope
    effect: Effect
    summary: str
    promise: str
    protocols: tuple[str, ...] = ()
    params: tuple[Param, ...] = ()
    duration: float | None = 30.0
    count: int | None = None
    selective: bool = False
    instant: bool = False
    once: bool = False
    lasting: bool = False
    counts: Counts = "victims"
    needs: Traffic = ""
    verbs: tuple[str, ...] = ()
