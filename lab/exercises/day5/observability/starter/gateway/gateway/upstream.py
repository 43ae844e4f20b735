"""Asking one service behind us, once, with a limit on the wait."""

from __future__ import annotations

from typing import Any

import anyio
import httpx

from lab.chassis.tls import AUTHORITIES


class Unavailable(Exception):
    """No answer that we can use: too late, cut off, 5xx, not what was agreed."""


class Upstream:
    """One service behind us, by its `name`."""

    def __init__(self, name: str, base_url: str, timeout: float) -> None:
        self.name = name
        self._client = httpx.AsyncClient(base_url=base_url, timeout=timeout, trust_env=False, verify=AUTHORITIES)
        self._timeout = timeout

    async def ask(self, method: str, path: str, json: Any = None) -> tuple[int, dict[str, Any]]:
        """Status and JSON object of an answer below 500. Raises Unavailable."""
        # TODO: who called whom, and how it ended, is known here and nowhere else.
        try:
            with anyio.fail_after(self._timeout):  # httpx bounds each read, and a slow drip has many
                answer = await self._client.request(method, path, json=json)
            if answer.is_server_error:
                raise Unavailable(f"status {answer.status_code}")
            found = answer.json()
        except (TimeoutError, httpx.HTTPError, ValueError) as error:
            raise Unavailable(repr(error)) from error
        if not isinstance(found, dict):
            raise Unavailable(f"not an object: {found!r:.50}")
        return answer.status_code, found

    async def close(self) -> None:
        await self._client.aclose()
