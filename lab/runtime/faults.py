"""The faults of a run: text in, the plan changed, taps and processes disturbed, and all of it healed again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import cast

from lab.faults import aim
from lab.faults.catalogue import KINDS, effect
from lab.faults.fault import Fault
from lab.faults.plan import Plan
from lab.faults.text import FaultError, parse
from lab.faults.text import format as to_text
from lab.journal.event import FaultChange
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
        self, system: System, seed: int, now: Callable[[], float], emit: Callable[[FaultChange], None]
    ) -> None:
        self.plan = Plan(seed, emit)
        self.supervisor: Supervisor | None = None
        self.files: frozenset[str] = frozenset()
        """The links that no tap is on, because the provider is a file of the consumer (SQLite)."""
        self._system = system
        self._now = now

    def add(self, text: str, owner: str) -> FaultStatus:
        """Begin the fault that `text` describes. Raises FaultError, or ActionError if its process cannot suffer it."""
        fault = aim.aimed(parse(text), self._system)
        self._must_bite(fault)
        fault = self.plan.add(replace(fault, owner=owner), self._now())
        try:
            self._apply(fault)
        except ActionError:
            self.plan.heal(fault.id, self._now())
            raise
        return self._one(fault)

    def heal(self, ident: str | None) -> list[FaultStatus]:
        """End one fault, or all (None). Raises Unknown."""
        before = {status.id: status for status in self.status()}
        if ident is not None and ident not in before:
            raise Unknown("active fault", ident, before)
        healed = self.plan.heal(ident, self._now())
        self._undo(healed)
        return [before[fault.id] for fault in healed]

    def expire(self) -> None:
        """End what has lasted its time; to be called several times a second."""
        self._undo(self.plan.expire(self._now()))

    def status(self) -> tuple[FaultStatus, ...]:
        return tuple(
            _status(standing.fault, standing.victims, standing.remaining) for standing in self.plan.status(self._now())
        )

    def slow_start(self, name: str) -> float:
        """Seconds by which the next start of this process is held back."""
        return sum(float(f.params["delay"]) for f in self._on_process(name) if effect(f) == "slow")

    def slowed(self, name: str) -> None:
        """The start was held back: these faults have done their work."""
        for fault in self._on_process(name):
            if effect(fault) == "slow":
                self.plan.hit(fault.id, "", self._now())
                self.plan.done(fault.id)

    def _on_process(self, name: str) -> list[Fault]:
        """The faults on this process, and those on the service that it is an instance of."""
        service = self._system.service(name)
        names = {name, service.name if service is not None else name}
        return [fault for one in sorted(names) for fault in self.plan.on_process(one)]

    def _must_bite(self, fault: Fault) -> None:
        """Raises FaultError if nothing that the fault could hit will ever pass."""
        concerned = [link for link in self._system.links if covers(fault.target, link.id)]
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

    def _apply(self, fault: Fault) -> None:
        if KINDS[fault.kind].scope != "process" or self.supervisor is None:
            return
        if effect(fault) in ("cut", "hold"):
            hit = self.supervisor.act(fault.target, cast("Action", fault.kind), tr("fault {id}", id=fault.id))
            self.plan.hit(fault.id, "", self._now(), hit)
        if KINDS[fault.kind].instant:
            self.plan.done(fault.id)

    def _undo(self, ended: Iterable[Fault]) -> None:
        for fault in ended:
            still = any(effect(other) == "hold" for other in self._on_process(fault.target))
            if KINDS[fault.kind].scope == "process" and effect(fault) == "hold" and not still and self.supervisor:
                for process in self.supervisor.named(fault.target):
                    if process.state == "frozen":
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
