"""A Fault: one real, reversible disturbance of a link or a process, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What was asked for. `kind` names an entry of the catalogue; `target` is `orders->payments`, `orders<->payments`
    (partition) or the name of a process or engine.

    `match` selects messages by a shell pattern on their op (`POST /orders*`, `GET user:*`, `publish order.*`) or, in
    one word, on its verb (`ack`). `share` is the part of the matching messages that is hit (0-1, drawn from the run's
    seed); `count` ends it after so many victims; `duration` in seconds ends it by time (None: until healed).
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
