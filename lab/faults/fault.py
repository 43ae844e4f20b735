"""A Fault: one real, reversible disturbance of a link or a process, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One disturbance as it was asked for. `kind` names an entry of the catalogue; `target` is `orders->payments`,
    `orders<->payments` (partition) or the name of a process or engine.

    `match` selects messages by a shell pattern on their op (`POST /orders*`, `GET user:*`, `publish order.*`), or on
    the verb alone if it is one word (`ack`). `share` is the fraction of the matching messages that is hit (0-1, drawn
    from the run's seed); the fault ends after `count` victims or `duration` seconds (None: when it is healed).
    """

    kind: str
    target: str
    params: Mapping[str, Value] = field(default_factory=dict)
    match: str = ""
    share: float = 1.0
    count: int | None = None
    duration: float | None = 30.0
    owner: str = "you"
    id: str = ""
