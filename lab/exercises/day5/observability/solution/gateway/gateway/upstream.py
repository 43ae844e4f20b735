"""Asking one service behind us, once, with a limit on the wait."""

from __future__ import annotations

from typing import Any

import anyio
import httpx

from lab.chassis.tls import AUTHORITIES

from .telemetry import Dependency, request_id


class Unavailable(Exception):
    """No answer that we can use: too late, cut off, 5xx, not what was agreed."""


class Upstream:
    """One service behind us, by its `name`. Every call passes the request's id on and says how it ended."""

    def __init__(self, name: str, base_url: str, timeout: float) -> None:
        self.name = name
        self.seen = Dependency(name)
        self._client = httpx.AsyncClient(base_url=base_url, timeout=timeout, trust_env=False, verify=AUTHORITIES)
        self._timeout = timeout

    async def ask(self, method: str, path: str, json: Any = None) -> tuple[int, dict[str, Any]]:
        """Status and JSON object of an answer below 500. Raises Unavailable."""
        try:
            status, found = await self._fetch(method, path, json)
        except Unavailable as error:
            self.seen.failed(str(error))
            raise
        self.seen.answered()  # a 4xx, too: a healthy service with bad news
        return status, found

    async def _fetch(self, method: str, path: str, json: Any) -> tuple[int, dict[str, Any]]:
        try:
            with anyio.fail_after(self._timeout):  # httpx bounds each read, and a slow drip has many
                answer = await self._client.request(method, path, json=json, headers={"X-Request-ID": request_id()})
            if answer.is_server_error:
                raise Unavailable(f"status {answer.status_code}")
            found = answer.json()
        except (TimeoutError, httpx.HTTPError) as error:
            raise Unavailable(repr(error)) from error
        except ValueError:
            raise Unavailable("an answer that cannot be read") from None  # and that nobody needs to read in our log
        if not isinstance(found, dict):
            raise Unavailable("an answer that is not an object")
        return answer.status_code, found

    async def close(self) -> None:
        await self._client.aclose()
