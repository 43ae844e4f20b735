"""Calling one service behind us: retry would come outside, then breaker, then timeout, then the call."""

from __future__ import annotations

from typing import Any

import anyio
import httpx

from gateway.breaker import Breaker, CircuitOpen, Failure
from lab.chassis.ids import outgoing_headers
from lab.chassis.tls import AUTHORITIES


class Unavailable(Exception):
    """No answer from upstream, or not even asked for one."""


class Upstream:
    """One upstream with a breaker of its own: what happens to one says nothing about another."""

    def __init__(self, base_url: str, timeout: float, breaker: Breaker) -> None:
        self._client = httpx.AsyncClient(base_url=base_url, timeout=timeout, trust_env=False, verify=AUTHORITIES)
        self._timeout = timeout
        self._breaker = breaker

    async def get(self, path: str) -> dict[str, Any] | None:
        """The object at `path`, None if there is none. Raises Unavailable."""
        try:
            return await self._breaker.call(lambda: self._fetch(path))
        except (Failure, CircuitOpen) as error:
            raise Unavailable(str(error) or "the breaker is open") from error

    async def _fetch(self, path: str) -> dict[str, Any] | None:
        """The timeout is in here, inside the breaker: a hang must reach it as a failure."""
        try:
            with anyio.fail_after(self._timeout):
                answer = await self._client.get(path, headers=outgoing_headers())
            if answer.is_client_error:
                return None  # a 4xx is an answer: upstream lives and has looked
            if not answer.is_success:
                raise Failure(f"status {answer.status_code}")
            found = answer.json()
        except (TimeoutError, httpx.HTTPError, ValueError) as error:
            raise Failure(repr(error)) from error
        if not isinstance(found, dict):
            raise Failure(f"not an object: {found!r:.50}")
        return found

    async def close(self) -> None:
        await self._client.aclose()
