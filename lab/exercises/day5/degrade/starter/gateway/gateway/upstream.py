"""Asking one service behind us, once, with a limit on the wait."""

from __future__ import annotations

from typing import Any

import anyio
import httpx

from lab.chassis.ids import outgoing_headers
from lab.chassis.tls import AUTHORITIES


class Unavailable(Exception):
    """No answer that we can use: too late, cut off, 5xx, not what was agreed."""


class Upstream:
    """Not a word about retries or fallbacks: what the lack of an answer means is for the caller to decide."""

    def __init__(self, base_url: str, timeout: float) -> None:
        self._client = httpx.AsyncClient(base_url=base_url, timeout=timeout, trust_env=False, verify=AUTHORITIES)
        self._timeout = timeout

    async def get(self, path: str) -> dict[str, Any] | None:
        """The object there, None if upstream says that there is none (404). Raises Unavailable."""
        try:
            with anyio.fail_after(self._timeout):  # httpx bounds each read, and a slow drip has many
                answer = await self._client.get(path, headers=outgoing_headers())
            if answer.status_code == httpx.codes.NOT_FOUND:
                return None
            if not answer.is_success:
                raise Unavailable(f"status {answer.status_code}")
            found = answer.json()
        except (TimeoutError, httpx.HTTPError, ValueError) as error:
            raise Unavailable(repr(error)) from error
        if not isinstance(found, dict):
            raise Unavailable(f"not an object: {found!r:.50}")
        return found

    async def close(self) -> None:
        await self._client.aclose()
