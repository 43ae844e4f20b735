"""How often each link carried each operation, and how it ended: two runs beside each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lab.journal.event import Event, Flow
from lab.journal.operation import operation

ROLES = ("call", "message", "delivery")
"""Setup says nothing about the work, and an answer belongs to what it answers."""
PROBES = ("/healthz", "/readyz", "/metrics")
"""Asked by whoever waits, as often as it takes."""

What = tuple[str, str]
"""A link and an operation on it."""
Traffic = Mapping[What, Counter[str]]
"""How many exchanges of each there were, by outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An operation on a link that two runs carried differently."""

    link: str
    op: str
    before: Counter[str]
    after: Counter[str]


def traffic(events: Iterable[Event]) -> Traffic:
    """What was carried."""
    found: dict[What, Counter[str]] = {}
    for event in events:
        if isinstance(event, Flow) and event.role in ROLES and not event.op.endswith(PROBES):
            # A command to a store is one whatever its key.
            op = event.op.partition(" ")[0] if event.key else operation(event.op)
            found.setdefault((event.link, op), Counter())[event.outcome] += 1
    return found


def changes(before: Traffic, after: Traffic) -> list[Change]:
    """What differs, the largest difference first."""
    found = [
        Change(link=link, op=op, before=before.get((link, op), Counter()), after=after.get((link, op), Counter()))
        for link, op in {*before, *after}
        if before.get((link, op)) != after.get((link, op))
    ]
    return sorted(found, key=lambda one: (-_size(one), one.link, one.op))


def _size(change: Change) -> int:
    outcomes = {*change.before, *change.after}
    return sum(abs(change.before[outcome] - change.after[outcome]) for outcome in outcomes)
