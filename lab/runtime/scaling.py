"""Instances of a replicated service come and go while its visitors do: new ones get requests when they are ready, and
those that leave finish what they have begun."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

from lab.journal.event import Event, Note, Process
from lab.locale import tr, trn
from lab.runtime import specs
from lab.runtime.api import ScaleStatus
from lab.runtime.faults import Faults
from lab.runtime.ports import Ports
from lab.runtime.process import ActionError
from lab.runtime.supervisor import Supervisor
from lab.runtime.taps import Taps
from lab.runtime.wiring import Wiring
from lab.system.model import Service
from lab.system.refusal import Unknown

MOST = 16
"""Instances of one service: each is a process of some 60 MB."""
DRAIN = 10.0
"""Seconds that an instance which leaves gets for the answers that are awaited from it."""
LOOK = 0.05


class Scaling:
    """Changes what Wiring, Supervisor and Taps hold, one change at a time. `spawn` runs what takes a while."""

    def __init__(
        self,
        wiring: Wiring,
        ports: Ports,
        supervisor: Supervisor,
        taps: Taps,
        faults: Faults,
        emit: Callable[[Event], None],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._wiring = wiring
        self._ports = ports
        self._supervisor = supervisor
        self._taps = taps
        self._faults = faults
        self._emit = emit
        self._spawn = spawn
        self._lock = asyncio.Lock()
        self._leaving: dict[str, asyncio.Task[None]] = {}

    async def scale(self, name: str, replicas: int) -> ScaleStatus:
        """Have so many instances of the service. Those that are too many leave in their own time.

        Raises Unknown, and ActionError if there cannot be so many.
        """
        async with self._lock:
            service = self._scalable(name, replicas)
            before = service.instances
            wanted = self._wiring.system.scaled(name, replicas)
            after = wanted.instances(name)
            for last, instance in pairwise(after[len(before) - 1 :]):
                await self._add(service, instance, last)
            self._wiring.system = wanted
            for instance in before[len(after) :]:
                self._faults.forget(instance)
                self._supervisor.find(instance).retire(tr("one too many: it finishes what it has begun"))
                self._leaving[instance] = self._spawn(self._let_go(instance))
            if before != after:
                text = trn("{name} has {count} instance", "{name} has {count} instances", replicas, name=name)
                self._emit(Note(topic="scale", text=text, data={"service": name, "replicas": replicas}))
        return ScaleStatus(service=name, before=len(before), replicas=replicas, instances=after)

    def _scalable(self, name: str, replicas: int) -> Service:
        system = self._wiring.system
        found = {service.name: service for service in system.services}
        if name not in found:
            raise Unknown("service", name, [one.name for one in found.values() if one.replicas is not None])
        if found[name].replicas is None:
            raise ActionError(
                tr("{name} is one process and stays one: the system declares no replicas of it", name=name)
            )
        if not 1 <= replicas <= MOST:
            raise ActionError(
                tr("{name} may have 1 to {most} instances, not {count}", name=name, most=MOST, count=replicas)
            )
        asked = [link.target for link in system.links if found[name].is_instance(link.target) or link.target == name]
        if asked and name not in asked:
            why = tr("each of its callers knows its instances by name, so a new one would be asked nothing")
            raise ActionError(tr("{name} cannot be scaled here", name=name) + f"\n{why}")
        wanted = system.scaled(name, replicas).instances(name)
        if gone := [
            link.id for link in system.links if found[name].is_instance(link.target) and link.target not in wanted
        ]:
            raise ActionError(tr("{link} leads to one of those that would leave", link=gone[0]))
        if taken := next((one for one in wanted if one in found or one in self._wiring.recipes), ""):
            raise ActionError(tr('"{name}" would be two: an instance and something else', name=taken))
        return found[name]

    async def _add(self, service: Service, instance: str, after: str) -> None:
        if leaving := self._leaving.pop(instance, None):
            await asyncio.wait([leaving])
        self._wiring.ports[instance] = {endpoint: self._ports.take() for endpoint in service.endpoints}
        if told := self._wiring.overrides.get(after):
            self._wiring.overrides[instance] = dict(told)
        await self._taps.open_for(instance)
        self._supervisor.add(specs.service_spec(service, instance, self._wiring, self._ports), after)

    async def _let_go(self, instance: str) -> None:
        """Wait until nobody waits for it, and end it."""
        try:
            async with asyncio.timeout(DRAIN):
                while True:
                    await asyncio.sleep(LOOK)  # before the first look: a connection to it may just be being made
                    if self._taps.leave(instance):
                        break
        except TimeoutError:
            pass
        await self._supervisor.remove(instance)
        await self._taps.close_for(instance)
        for port in self._wiring.ports.pop(instance).values():
            self._ports.release(port)
        self._wiring.overrides.pop(instance, None)
        self._emit(Process(source=instance, state="removed", asked=True))
