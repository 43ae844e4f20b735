"""The faults on one link, sorted by what they do to whole connections. The plan decides; time is passed in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from lab.faults import catalogue
from lab.faults.fault import Fault
from lab.faults.plan import Plan

SLOW = ("latency", "bandwidth")
HOLD = ("blackhole", "partition")
CUT = ("refuse", "connect-hang", "reset")


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
        self.version = -1
        """The plan's when it was looked at last."""
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

    @property
    def stale(self) -> bool:
        """Whether faults began or ended since the last `renew`."""
        return self.version != self.plan.version

    def renew(self) -> Change:
        """Look at the plan, and say what changed for live connections."""
        before = self.active
        self.version = self.plan.version
        faults = self.plan.active(self._link)
        self.active = {fault.id: fault for fault in faults}
        whole = [fault for fault in faults if catalogue.whole(fault)]
        kinds = {fault.kind for fault in whole}
        self.selective = len(whole) < len(faults)
        self._slow = [fault for fault in whole if fault.kind == "latency"]
        self.holds = [fault for fault in whole if fault.kind in HOLD]
        self.mutes = [fault for fault in whole if fault.kind == "one-way"]
        self.marks = [fault for fault in whole if fault.kind in SLOW or fault.kind in HOLD]
        self.rate = min((float(fault.params["rate"]) for fault in whole if fault.kind == "bandwidth"), default=None)
        self.port = "refuse" if "refuse" in kinds else "hang" if "connect-hang" in kinds else "open"
        healed = [fault for ident, fault in before.items() if ident not in self.active and not self.plan.spent(ident)]
        self.healed_hold = next((fault for fault in healed if fault.kind in HOLD), None)
        return Change(
            healed=bool(healed),
            hurry=any(fault.kind in SLOW for fault in healed) and not any(fault.kind in SLOW for fault in faults),
            cuts=[fault for fault in whole if fault.kind in CUT and fault.id not in before],
        )

    def strike(self, kinds: Collection[str], op: str, now: float) -> Fault | None:
        """What sessions ask (see session.Strike)."""
        return self.plan.strike(self._link, kinds, op, now)

    def way(self) -> float:
        """Seconds that bytes are late on one way now: a latency is shared by the way out and the way back."""
        return sum(self.plan.delay(fault.id, self._link) for fault in self._slow) / 2 if self._slow else 0.0

    def hit(self, fault: Fault, op: str, now: float, victims: int = 1) -> None:
        """A fault on the whole link touched the flow `op`, or cut, holds or robs a `connection`."""
        self.plan.hit(fault.id, self._link, now, victims=victims, op=op)

    def done(self, fault: Fault) -> None:
        """A fault that happens once has happened."""
        self.plan.done(fault.id)
