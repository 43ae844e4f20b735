"""All taps of a run: one for each link and instance of its consumer, with a balancer before replicated providers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import count

from lab.faults.plan import Plan
from lab.journal.event import Flow
from lab.runtime.api import LinkStatus
from lab.runtime.wiring import Wiring
from lab.system.kinds import protocols
from lab.system.model import Link
from lab.wire.balancer import Balancer
from lab.wire.session import Address
from lab.wire.tap import Tap


class Taps:
    """`serves` says of an instance whether it gets traffic; `emit` gets every flow. See Tap."""

    def __init__(
        self,
        wiring: Wiring,
        plan: Plan,
        emit: Callable[[Flow], None],
        now: Callable[[], float],
        serves: Callable[[str], bool],
    ) -> None:
        self._wiring = wiring
        self._plan = plan
        self._emit = emit
        self._now = now
        self._serves = serves
        self._taps: dict[tuple[str, str], Tap] = {}
        self._upstreams: dict[str, Balancer | Callable[[], Address]] = {}
        self._numbers: dict[str, Iterator[int]] = {}

    async def open(self) -> None:
        """Those of every link that is a connection. Raises OSError."""
        for link in self._wiring.system.links:
            for consumer in self._wiring.consumers(link):
                await self._open(link, consumer)

    async def open_for(self, consumer: str) -> None:
        """Those of one more instance of a consumer. Raises OSError."""
        service = self._wiring.system.service(consumer)
        for link in self._wiring.system.links:
            if service is not None and link.source == service.name:
                await self._open(link, consumer)

    async def close_for(self, consumer: str) -> None:
        """Those of an instance that is gone."""
        for key in [key for key in self._taps if key[1] == consumer]:
            await self._taps.pop(key).close()
            self._wiring.taps.pop(key, None)

    def leave(self, instance: str) -> bool:
        """Let go of an instance, which gets no new requests any more. Whether none of its answers is awaited."""
        waited_for = [tap for tap in self._taps.values() if not tap.leave(instance)]
        return not waited_for

    def status(self, link: Link) -> LinkStatus:
        return LinkStatus(
            id=link.id,
            protocol=link.protocol,
            url=self._wiring.url(link),
            upstream=", ".join(f"{host}:{port}" for host, port in self._wiring.providers(link).values()),
            connections=sum(tap.connections for (ident, _), tap in self._taps.items() if ident == link.id),
        )

    async def close(self) -> None:
        await asyncio.gather(*(tap.close() for tap in self._taps.values()))

    async def _open(self, link: Link, consumer: str) -> None:
        if not self._wiring.providers(link):
            return
        tap = self._taps[link.id, consumer] = Tap(
            link=link,
            protocol=link.protocol if protocols()[link.protocol].session else "tcp",
            upstream=self._upstream(link),
            plan=self._plan,
            emit=self._emit,
            now=self._now,
            source=consumer,
            numbers=self._numbers.setdefault(link.id, count(1)),
        )
        await tap.start()
        self._wiring.taps[link.id, consumer] = tap.port

    def _upstream(self, link: Link) -> Balancer | Callable[[], Address]:
        """Where the link leads: all its taps share one balancer."""

        def single() -> Address:
            return next(iter(self._wiring.providers(link).values()))

        if link.id not in self._upstreams:
            service = self._wiring.system.service(link.target)
            replicated = service is not None and service.name == link.target and service.replicas is not None
            balancer = Balancer(lambda: self._wiring.providers(link), self._serves) if replicated else single
            self._upstreams[link.id] = balancer
        return self._upstreams[link.id]
