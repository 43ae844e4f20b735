"""The faults that are active now: what each hits, how often, and until when. Pure; time (seconds) is passed in.

A tap asks the plan for every message, so a fault acts from the next message on, and so does healing. Chance comes from
the run's seed, the fault's id and the link, so the traffic of one link does not change what is drawn for another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from random import Random
from typing import Literal

from lab.faults import catalogue, text
from lab.faults.fault import Fault
from lab.journal.event import FaultChange
from lab.system.links import covers, ends

HIT_EVERY = 0.25
"""Seconds between two `hit` events of a fault on a whole link: its victims may be thousands a second."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one active fault is doing: `remaining` is seconds until it ends by itself (None: until healed)."""

    fault: Fault
    victims: int
    remaining: float | None


class _Active:
    __slots__ = ("began", "draws", "ends", "fault", "kind", "names", "spent", "told", "victims", "whole")

    def __init__(self, fault: Fault, now: float) -> None:
        self.fault = fault
        self.began = now
        self.kind = catalogue.KINDS[fault.kind]
        self.names = frozenset([fault.kind, *(f"{fault.kind} {value}" for value in fault.params.values())])
        self.whole = catalogue.whole(fault)
        self.ends = None if fault.duration is None else now + fault.duration
        self.victims = 0
        self.told = -1.0
        self.spent = False
        self.draws: dict[str, Random] = {}

    def over(self, now: float) -> bool:
        return self.ends is not None and now >= self.ends


class Plan:
    """All faults of a run. Each call that changes a fault calls `on_change` with a FaultChange, and then everybody who
    watches a link on which a fault began or ended.

    Of a hidden fault `on_change` hears nothing until it is revealed or ends.
    """

    def __init__(self, seed: int = 0, on_change: Callable[[FaultChange], None] | None = None) -> None:
        self.seed = seed
        self.on_change = on_change
        self._count = 0
        self._active: dict[str, _Active] = {}
        self._links: dict[str, tuple[_Active, ...]] = {}
        self._watchers: dict[str, list[Callable[[], None]]] = {}
        self._victims: dict[str, int] = {}
        self._spent: set[str] = set()
        self.hidden: set[str] = set()
        """The faults that nobody is told of yet."""

    def watch(self, link: str, changed: Callable[[], None]) -> None:
        """Call `changed` whenever a fault on this link begins or ends: at once, also in the middle of a strike."""
        self._watchers.setdefault(link, []).append(changed)

    def add(self, fault: Fault, now: float, *, hidden: bool = False) -> Fault:
        """Begin a fault; returns it with its id (`f1`, `f2` ...) and its defaults. Raises text.FaultError."""
        self._count += 1
        fault = replace(text.complete(fault), id=f"f{self._count}")
        self._active[fault.id] = _Active(fault, now)
        self._links.clear()
        if hidden:
            self.hidden.add(fault.id)
        self._tell(fault, "added")
        self._notify([fault])
        return fault

    def reveal(self, ident: str) -> None:
        """Tell of a hidden fault from now on."""
        if ident in self.hidden:
            self.hidden.discard(ident)
            active = self._active[ident]
            self._tell(active.fault, "added", since=active.began)

    def heal(self, ident: str | None, now: float) -> list[Fault]:  # noqa: ARG002 - every change is told with a time
        """End one fault, or all (None). Returns those that ended."""
        return self._end([ident] if ident is not None else list(self._active), "healed")

    def expire(self, now: float) -> list[Fault]:
        """End the faults whose time is up; the owner calls it several times a second. Returns those that ended."""
        return self._end([ident for ident, active in self._active.items() if active.over(now)], "expired")

    def done(self, ident: str) -> None:
        """A fault that happens once has happened (a reset of live connections, a killed process)."""
        if ident in self._active:
            self._spent.add(ident)
            self._end([ident], "expired")

    def strike(self, link: str, kinds: Collection[str], op: str, now: float) -> Fault | None:
        """The first fault of these kinds that hits a message with this op on this link, or None.

        A kind may be narrowed by a parameter's value: `error OOM`. Asking is hitting. The fault that is returned has
        its chance drawn: `delay` is the one for this message.
        """
        for active in self._on(link):
            fault = active.fault
            if active.whole or active.spent or active.names.isdisjoint(kinds) or active.over(now):
                continue
            if fault.match and not matches(op, fault.match):
                continue
            if fault.share < 1 and self._luck(active, link).random() >= fault.share:
                continue
            self._hit(active, link, 1, op)
            return self._drawn(active, link)
        return None

    def hit(self, ident: str, link: str, now: float, victims: int = 1, op: str = "") -> None:
        """Count the victims of a fault on a whole link or a process; `on_change` hears of it at most four times a
        second."""
        active = self._active.get(ident)
        if active is None:
            return
        if active.told < 0 or now - active.told >= HIT_EVERY:
            active.told = now
            self._hit(active, link, victims, op)
        else:
            active.victims += victims

    def delay(self, ident: str, link: str) -> float:
        """A delay drawn from an active latency (seconds, for a round trip)."""
        active = self._active.get(ident)
        return float(self._drawn(active, link).params["delay"]) if active else 0.0

    def active(self, link: str) -> list[Fault]:
        """The faults on this link (`orders->payments`), oldest first; a partition of its two ends is one of them."""
        return [active.fault for active in self._on(link)]

    def on_process(self, name: str) -> list[Fault]:
        """The faults on this process, oldest first."""
        return [active.fault for active in self._active.values() if active.fault.target == name]

    def spent(self, ident: str) -> bool:
        """Whether the fault ended because its count was reached, and not because it was healed."""
        return ident in self._spent

    def victims(self, ident: str) -> int:
        """How many messages, connections or processes the fault has hit, also after its end."""
        active = self._active.get(ident)
        return active.victims if active else self._victims.get(ident, 0)

    def status(self, now: float) -> list[Standing]:
        """Every active fault, oldest first."""
        return [
            Standing(active.fault, active.victims, None if active.ends is None else max(0.0, active.ends - now))
            for active in self._active.values()
        ]

    def _on(self, link: str) -> tuple[_Active, ...]:
        found = self._links.get(link)
        if found is None:
            found = tuple(active for active in self._active.values() if covers(active.fault.target, link))
            self._links[link] = found
        return found

    def _hit(self, active: _Active, link: str, victims: int, op: str) -> None:
        active.victims += victims
        self._tell(active.fault, "hit", link=link, detail=op)
        count = active.fault.count
        if count is not None and active.victims >= count and not active.spent:
            active.spent = True
            if not active.kind.lasting:
                self.done(active.fault.id)

    def _end(self, idents: list[str], change: Literal["healed", "expired"]) -> list[Fault]:
        ended = []
        for ident in idents:
            self.reveal(ident)
            active = self._active.pop(ident, None)
            if active is not None:
                self._victims[ident] = active.victims
                ended.append(active.fault)
        self._links.clear()
        for fault in ended:
            self._tell(fault, change, detail=catalogue.toll(fault.kind, self.victims(fault.id)))
        self._notify(ended)
        return ended

    def _drawn(self, active: _Active, link: str) -> Fault:
        fault = active.fault
        jitter = float(fault.params.get("jitter", 0.0))
        if not jitter:
            return fault
        delay = float(fault.params["delay"]) + self._luck(active, link).uniform(-jitter, jitter)
        return replace(fault, params={**fault.params, "delay": max(0.0, delay)})

    def _luck(self, active: _Active, link: str) -> Random:
        luck = active.draws.get(link)
        if luck is None:
            luck = active.draws[link] = Random(f"{self.seed}/{active.fault.id}/{link}")
        return luck

    def _notify(self, faults: Iterable[Fault]) -> None:
        for link in dict.fromkeys(link for fault in faults for link in catalogue.links(fault.target)):
            for changed in self._watchers.get(link, ()):
                changed()

    def _tell(
        self,
        fault: Fault,
        change: Literal["added", "hit", "healed", "expired"],
        link: str = "",
        detail: str = "",
        since: float | None = None,
    ) -> None:
        if self.on_change is None or fault.id in self.hidden:
            return
        links = catalogue.links(fault.target)
        link = link or (links[0] if len(links) == 1 else "")
        one, pair, other = fault.target.partition("<->")
        source, target = (one, other) if pair else ends(fault.target)
        self.on_change(
            FaultChange(
                id=fault.id,
                fault=fault.kind,
                links=links,
                text=text.format(fault),
                change=change,
                victims=self.victims(fault.id),
                owner=fault.owner,
                duration=fault.duration,
                since=since,
                detail=detail,
                link=link,
                source=source if target else "",
                target=target or source,
            )
        )


def matches(op: str, pattern: str) -> bool:
    """Whether the pattern fits the op; one word may also mean the verb alone: `ack`, `GET`."""
    return fnmatchcase(op, pattern) or (" " not in pattern and fnmatchcase(op.partition(" ")[0], pattern))
