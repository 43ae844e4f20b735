"""The faults on one link, sorted by what they do to whole connections. The plan decides; time is passed in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from lab.faults.catalogue import KINDS, effect, whole
from lab.faults.fault import Fault
from lab.faults.kind import Effect
from lab.faults.plan import Plan


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done to live connections when faults began or ended. `healed`: sessions give back what they hold;
    `hurry`: what waits for its time leaves now; `cuts`: the faults that cut every connection."""

    healed: bool = False
    hurry: bool = False
    cuts: Sequence[Fault] = ()


class LinkFaults:
    """What holds on `link` since the last `renew`."""

    def __init__(self, plan: Plan, link: str) -> None:
        self.plan = plan
        self.striking = False
        """Whether a session is being told right now who is hit, so that no connection may be disturbed."""
        self.active: dict[str, Fault] = {}
        self.selective = False
        """Whether a fault is active that a session must decide on, message by message."""
        self.holds: Sequence[Fault] = ()
        self.mutes: Sequence[Fault] = ()
        self.marks: Sequence[Fault] = ()
        """The faults that touch every flow on the link."""
        self.rate: float | None = None
        self.healed_hold: Fault | None = None
        self.port: Literal["open", "refuse", "hang"] = "open"
        """What becomes of new connections."""
        self._link = link
        self._slow: Sequence[Fault] = ()

    def renew(self) -> Change:
        """Look at the plan, and say what changed for live connections."""
        before = self.active
        faults = self.plan.active(self._link)
        self.active = {fault.id: fault for fault in faults}
        taken = [fault for fault in faults if whole(fault)]
        slow = _those(taken, "slow")
        self.selective = len(taken) < len(faults)
        self._slow = [fault for fault in slow if "delay" in fault.params]
        self.holds = _those(taken, "hold")
        self.mutes = _those(taken, "mute")
        self.marks = _those(taken, "slow", "hold")
        self.rate = min((float(fault.params["rate"]) for fault in slow if "rate" in fault.params), default=None)
        self.port = "refuse" if _those(taken, "shut") else "hang" if _those(taken, "hang") else "open"
        healed = [fault for ident, fault in before.items() if ident not in self.active and not self.plan.spent(ident)]
        self.healed_hold = next(iter(_those(healed, "hold")), None)
        return Change(
            healed=bool(healed),
            hurry=bool(_those(healed, "slow")) and not _those(faults, "slow"),
            cuts=[fault for fault in _those(taken, "cut", "shut", "hang") if fault.id not in before],
        )

    def strike(self, kinds: Collection[str], op: str, now: float) -> Fault | None:
        """What sessions ask (see session.Strike)."""
        self.striking = True
        try:
            return self.plan.strike(self._link, kinds, op, now)
        finally:
            self.striking = False

    def way(self) -> float:
        """Seconds that bytes are late on one way now: a latency is shared by the way out and the way back."""
        return sum(self.plan.delay(fault.id, self._link) for fault in self._slow) / 2 if self._slow else 0.0

    def hit(self, fault: Fault, op: str, now: float, victims: int = 1) -> None:
        """A fault on the whole link touched the flow `op`, or cut, holds or robs a `connection`."""
        self.plan.hit(fault.id, self._link, now, victims=victims, op=op)

    def cut(self, fault: Fault) -> None:
        """A fault has cut the connections: one that happens once is over."""
        if KINDS[fault.kind].once:
            self.plan.done(fault.id)


def _those(faults: Sequence[Fault], *effects: Effect) -> list[Fault]:
    return [fault for fault in faults if effect(fault) in effects]
