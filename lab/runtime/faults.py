"""The faults of a run: text in, the plan changed, taps and processes disturbed, and all of it healed again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from random import Random
from typing import cast

from lab.faults import aim
from lab.faults.catalogue import KINDS, effect
from lab.faults.draw import Draw, drawn
from lab.faults.fault import Fault
from lab.faults.plan import Plan
from lab.faults.text import FaultError, parse
from lab.faults.text import format as to_text
from lab.journal.event import FaultChange, Flow
from lab.locale import tr
from lab.runtime.api import Action, FaultStatus
from lab.runtime.process import ActionError
from lab.runtime.supervisor import Supervisor
from lab.system.links import covers
from lab.system.model import System
from lab.system.refusal import Unknown


class Faults:
    """What may change a run's Plan. Faults on links are the taps' to apply; faults on processes are applied here."""

    def __init__(
        self, system: Callable[[], System], seed: int, now: Callable[[], float], emit: Callable[[FaultChange], None]
    ) -> None:
        self.plan = Plan(seed, emit)
        self.supervisor: Supervisor | None = None
        self.files: frozenset[str] = frozenset()
        """The links that no tap is on, because the provider is a file of the consumer (SQLite)."""
        self._system = system
        self._now = now

    def add(self, text: str, owner: str) -> FaultStatus:
        """Begin the fault that `text` describes. Raises FaultError, or ActionError if its process cannot suffer it."""
        return self._one(self._begin(text, owner))

    def hide(self, texts: Sequence[str], owner: str) -> None:
        """Begin one of these, drawn from the run's seed, and tell nobody. Raises as `add` does."""
        self._begin(Random(f"{self.plan.seed}/hidden").choice(texts), owner, hidden=True)

    def drawn(self, draw: Draw) -> list[tuple[float, str]]:
        """When which fault of a scenario's draw begins, from the run's seed."""
        return drawn(draw, self._system(), self.plan.seed)

    def reveal(self) -> None:
        """Tell of what was hidden."""
        for standing in self.plan.status(self._now()):
            if standing.fault.id in self.plan.hidden:
                self.plan.reveal(standing.fault.id)
                self._apply(standing.fault)

    def masked(self, flow: Flow) -> Flow:
        """The flow as it may be told: without a hint at hidden faults."""
        if self.plan.hidden and not self.plan.hidden.isdisjoint(flow.faults):
            flow.faults = tuple(ident for ident in flow.faults if ident not in self.plan.hidden)
            if flow.outcome == "late" and not flow.faults:
                flow.outcome = "ok"  # that it was held up on its way only the tap knows; its `ms` anybody can see
        return flow

    def heal(self, ident: str | None) -> list[FaultStatus]:
        """End one fault, or all that are told of (None). Raises Unknown."""
        before = {status.id: status for status in self.status()}
        if ident is not None and ident not in before:
            raise Unknown("active fault", ident, before)
        for each in before if ident is None else (ident,):
            self._undo(self.plan.heal(each, self._now()))
        return list(before.values()) if ident is None else [before[ident]]

    def end(self) -> None:
        """End all, also what is hidden."""
        self._undo(self.plan.heal(None, self._now()))

    def forget(self, name: str) -> None:
        """End the faults on a process that leaves."""
        for fault in self.plan.on_process(name):
            self._undo(self.plan.heal(fault.id, self._now()))

    def expire(self) -> None:
        """End what has lasted its time; to be called several times a second."""
        self._undo(self.plan.expire(self._now()))

    def status(self) -> tuple[FaultStatus, ...]:
        """The active faults that are told of."""
        return tuple(
            _status(standing.fault, standing.victims, standing.remaining)
            for standing in self.plan.status(self._now())
            if standing.fault.id not in self.plan.hidden
        )

    def slow_start(self, name: str) -> float:
        """Seconds by which the next start of this process is held back."""
        return sum(float(f.params["delay"]) for f in self._on_process(name) if effect(f) == "slow")

    def slowed(self, name: str) -> None:
        """The start was held back. A fault has done its work when it has held as many as there are instances."""
        for fault in self._on_process(name):
            if effect(fault) == "slow":
                self.plan.hit(fault.id, "", self._now())
                service = self._system().service(fault.target)
                instances = len(service.instances) if service is not None and service.name == fault.target else 1
                if self.plan.victims(fault.id) >= instances:
                    self.plan.done(fault.id)

    def _on_process(self, name: str) -> list[Fault]:
        """The faults on this process, and those on the service that it is an instance of."""
        service = self._system().service(name)
        names = {name, service.name if service is not None else name}
        return [fault for one in sorted(names) for fault in self.plan.on_process(one)]

    def _must_bite(self, fault: Fault) -> None:
        """Raises FaultError if nothing that the fault could hit will ever pass."""
        concerned = [link for link in self._system().links if covers(fault.target, link.id)]
        if concerned and all(link.id in self.files for link in concerned):
            link = concerned[0]
            raise FaultError(
                tr(
                    "{engine} is a file of {service}: nothing crosses a wire that {kind} could hit; "
                    "run it on a server (lab run ... --engine {name}=native), or disturb {service} itself",
                    engine=link.target,
                    service=link.source,
                    kind=fault.kind,
                    name=link.protocol,
                )
            )

    def _begin(self, text: str, owner: str, *, hidden: bool = False) -> Fault:
        fault = aim.aimed(parse(text), self._system())
        self._must_bite(fault)
        fault = self.plan.add(replace(fault, owner=owner), self._now(), hidden=hidden)
        try:
            self._apply(fault)
        except ActionError:
            self.plan.heal(fault.id, self._now())
            raise
        return fault

    def _apply(self, fault: Fault) -> None:
        if KINDS[fault.kind].scope != "process" or self.supervisor is None:
            return
        if fault.id in self.plan.hidden:  # a process can only be frozen without its supervisor telling
            for process in self.supervisor.named(fault.target):
                process.freeze(hidden=True)
        elif effect(fault) in ("cut", "hold"):
            hit = self.supervisor.act(fault.target, cast("Action", fault.kind), tr("fault {id}", id=fault.id))
            self.plan.hit(fault.id, "", self._now(), hit)
        if KINDS[fault.kind].instant:
            self.plan.done(fault.id)

    def _undo(self, ended: Iterable[Fault]) -> None:
        for fault in ended:
            still = any(effect(other) == "hold" for other in self._on_process(fault.target))
            if KINDS[fault.kind].scope == "process" and effect(fault) == "hold" and not still and self.supervisor:
                for process in self.supervisor.named(fault.target):
                    if process.stands_still:
                        process.thaw()

    def _one(self, fault: Fault) -> FaultStatus:
        active = next((status for status in self.status() if status.id == fault.id), None)
        return active or _status(fault, self.plan.victims(fault.id), 0.0)


def _status(fault: Fault, victims: int, remaining: float | None) -> FaultStatus:
    return FaultStatus(
        id=fault.id,
        text=to_text(fault),
        kind=fault.kind,
        target=fault.target,
        owner=fault.owner,
        victims=victims,
        remaining=None if remaining is None else round(remaining, 3),
    )
