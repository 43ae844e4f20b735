"""What faults did to the business: how many visitors failed, and what became of the orders that were under way."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field
from typing import TypeVar

from lab.journal.event import Event, FaultChange, Flow
from lab.journal.standing import Change
from lab.system.entity import Entity, mood
from lab.system.model import CLIENT

LATE = 2.0
"""Seconds after which something of the business that is not at its end is late."""

LOST = 30.0
"""Seconds without any change after which it must be taken for lost."""

AFTER = 3.0
"""Seconds after a fault's end that still count as its time: a killed process is away for a while."""

SETTLE = 15.0
"""Seconds after that in which what was held up may still come to its end."""

SLOWEST = 12
REMEMBERED = 4_000

K = TypeVar("K")
V = TypeVar("V")

Key = tuple[str, str]
"""An entity's kind and id."""


@dataclass(slots=True)
class Verdict:
    """What was seen from a fault's beginning until all that was under way in it had ended, or SETTLE was over. Its time
    is over at `until`.

    `failed` are requests from outside that failed; `slowest` holds (seconds, kind, id) of the slowest late ones;
    `waiting` is what had not ended when the verdict was `settled` (None: not yet).
    """

    fault: str
    text: str
    since: float
    until: float | None = None
    settled: float | None = None
    failed: int = 0
    late: int = 0
    doubled: int = 0
    slowest: tuple[tuple[float, str, str], ...] = ()
    waiting: frozenset[Key] = frozenset()


@dataclass(slots=True)
class Verdicts:
    """The fold of a run's events into `of`, the verdicts by fault, and the counts of the whole run."""

    declared: tuple[Entity, ...] = ()
    of: dict[str, Verdict] = field(default_factory=dict)
    late: int = 0
    doubled: int = 0
    waiting: dict[Key, tuple[float, float]] = field(default_factory=dict)
    """What has begun and not ended: when it began, and when it last changed its state."""
    _owner: dict[str, Key | None] = field(default_factory=dict)
    """Whose each correlation id is; None if it is that of several."""
    _told: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """By correlation id, source and routing key: the id of the message that was published."""

    def apply(self, event: Event) -> None:
        """Take one event in. Events come in the order of their `seq`."""
        match event:
            case Flow():
                if event.source == CLIENT:
                    if event.failed:
                        for verdict in self._open():
                            verdict.failed += 1
                elif event.role == "message" and event.correlation:
                    self._published(event)
            case FaultChange():
                self._fault(event)
        self._settle(event.t)

    def changed(self, change: Change) -> None:
        """Take in what an event that is applied next has changed."""
        kind, ident = key = change.kind, change.ident
        if change.formerly and (waited := self.waiting.pop((kind, change.formerly), None)):
            self.waiting[key] = waited
            self._owner.pop(change.formerly, None)
        how = mood(self.declared, kind, change.state)
        if how == "neutral" and key not in self.waiting:
            return
        if change.correlation:
            one = self._owner.get(change.correlation, key) == key
            _keep(self._owner, change.correlation, key if one else None)
        if how == "going-on":
            born, _ = self.waiting.get(key, (change.t, 0.0))
            self.waiting[key] = born, change.t
        elif key in self.waiting:
            born, _ = self.waiting.pop(key)
            took = change.t - born
            if took >= LATE:
                self.late += 1
                for verdict in self._open():
                    # What was late when the fault began is not its doing.
                    if verdict.since - born < LATE and (verdict.until is None or born <= verdict.until):
                        verdict.late += 1
                        verdict.slowest = tuple(sorted((*verdict.slowest, (took, kind, ident)), reverse=True)[:SLOWEST])

    def lost(self, now: float) -> int:
        """How many have waited so long without any change that they must be taken for lost."""
        return sum(now - changed >= LOST for _, changed in self.waiting.values())

    def under(self, verdict: Verdict) -> frozenset[Key]:
        """What is under way now and had begun before the fault was over."""
        return frozenset(
            key for key, (born, _) in self.waiting.items() if verdict.until is None or born <= verdict.until
        )

    def latest(self) -> Verdict | None:
        """The verdict that was settled last."""
        settled = [verdict for verdict in self.of.values() if verdict.settled is not None]
        return max(settled, key=lambda verdict: verdict.settled or 0.0, default=None)

    def copy(self) -> Verdicts:
        other = copy(self)
        other.of = {fault: copy(verdict) for fault, verdict in self.of.items()}
        other.waiting, other._owner, other._told = dict(self.waiting), dict(self._owner), dict(self._told)
        return other

    def _open(self) -> Iterable[Verdict]:
        return (verdict for verdict in self.of.values() if verdict.settled is None)

    def _fault(self, event: FaultChange) -> None:
        if event.change == "added":
            self.of[event.id] = Verdict(event.id, event.text, event.t)
        elif event.change in ("healed", "expired") and event.id in self.of:
            self.of[event.id].until = event.t + AFTER

    def _published(self, flow: Flow) -> None:
        """The same event of the same order under another id: somebody did the work twice."""
        what = flow.correlation, flow.source, flow.routing_key or flow.key
        if self._told.get(what, flow.message) != flow.message and self._owner.get(flow.correlation):
            self.doubled += 1
            for verdict in self._open():
                verdict.doubled += 1
        _keep(self._told, what, flow.message)

    def _settle(self, now: float) -> None:
        for verdict in self._open():
            if verdict.until is None or now < verdict.until:
                continue
            held = self.under(verdict)
            if not held or now - verdict.until >= SETTLE:
                verdict.settled, verdict.waiting = now, held


def _keep(known: dict[K, V], key: K, value: V) -> None:
    known[key] = value
    if len(known) > REMEMBERED:
        del known[next(iter(known))]
