"""What visitors do: which journey comes next, and its requests over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import httpx

from lab.load.pools import EmptyPool, Pools
from lab.load.report import Tally
from lab.load.template import fill, fills, picks
from lab.system.model import Journey, Request

_PATIENCE = 10.0
"""Seconds after which a visitor gives a request up, all told."""
MAX_IN_FLIGHT = 200
"""Visitors in the system at one time; whoever comes on top is turned away and counted, so that an outage cannot pile up
tasks without end."""


class Visitors:
    """Starts visitors and keeps the books about them. What the n-th visitor does depends on `seed` and n only, but for
    which of the earlier answers it picks."""

    def __init__(self, journeys: Sequence[Journey], urls: Mapping[str, str], seed: int, tally: Tally) -> None:
        self._journeys = journeys
        self._urls = urls
        self._seed = seed
        self._tally = tally
        self._pools = Pools(time.monotonic, Random(f"{seed}:picks"))
        self._visiting: set[asyncio.Task[None]] = set()
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(5.0, connect=2.0),
            limits=httpx.Limits(max_connections=MAX_IN_FLIGHT, max_keepalive_connections=50),
            trust_env=False,
        )

    def send(self, number: int, due: float, journey: str = "") -> None:
        """Let the visitor with this number in, on that journey or one by chance; it was due at `due` on the monotonic
        clock."""
        if len(self._visiting) >= MAX_IN_FLIGHT:
            self._tally.dropped()
            return
        visit = asyncio.get_running_loop().create_task(self._visit(number, due, journey))
        self._visiting.add(visit)
        visit.add_done_callback(self._visiting.discard)

    async def close(self) -> None:
        """Send everybody home."""
        for visit in self._visiting:
            visit.cancel()
        await asyncio.gather(*self._visiting, return_exceptions=True)
        await self._client.aclose()

    async def _visit(self, number: int, due: float, name: str) -> None:
        chance = Random(f"{self._seed}:{number}")
        named = next((journey for journey in self._journeys if journey.name == name), None)
        journey = self._possible(named or chance.choices(self._journeys, [one.weight for one in self._journeys])[0])
        if journey is None:
            return
        own: dict[str, Any] = {}
        for step, request in enumerate(journey.requests, 1):
            ident = f"load-{number}" if len(journey.requests) == 1 else f"load-{number}.{step}"
            if not await self._request(request, ident, number, chance, due, own):
                return
            due = time.monotonic()

    def _possible(self, journey: Journey | None) -> Journey | None:
        """The journey itself, or one that fills the pool which it still lacks."""
        tried: list[Journey] = []
        while journey is not None and journey not in tried:
            lacking = {pool for pool in picks(journey) if not self._pools.filled(pool)}
            if not lacking:
                return journey
            tried.append(journey)
            journey = next((other for other in self._journeys if lacking & fills(other)), None)
        return None

    async def _request(
        self, request: Request, ident: str, number: int, chance: Random, due: float, own: dict[str, Any]
    ) -> bool:
        """Send one request and remember what its answer holds. Whether the visitor goes on."""
        try:
            path = str(fill(request.path, number, chance, self._pools, own))
            body = fill(request.json, number, chance, self._pools, own)
        except EmptyPool:
            return False
        self._tally.sent()
        answer: httpx.Response | None = None
        try:
            async with asyncio.timeout(_PATIENCE):
                answer = await self._client.request(
                    request.method,
                    self._urls[request.service].rstrip("/") + path,
                    json=body,
                    headers={"X-Request-ID": ident},
                )
        except (httpx.HTTPError, TimeoutError):
            pass
        ok = answer is not None and (answer.is_success or answer.status_code in request.accepts)
        self._tally.answered(ok, (time.monotonic() - due) * 1000)
        if answer is not None and answer.is_success and request.save:
            self._save(request, answer, own)
        return ok

    def _save(self, request: Request, answer: httpx.Response, own: dict[str, Any]) -> None:
        try:
            fields: Any = answer.json()
        except ValueError:
            return
        for pool, name in request.save.items():
            if isinstance(fields, dict) and name in fields:
                own[pool] = fields[name]
                self._pools.put(pool, fields[name])
