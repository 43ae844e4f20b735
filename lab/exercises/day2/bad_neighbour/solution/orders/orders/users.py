"""The users service behind a wall: so many calls at once, each so long, and what came of the last one is remembered."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import anyio
import httpx

from lab.chassis.ids import outgoing_headers
from lab.chassis.tls import AUTHORITIES


class Unavailable(Exception):
    """The users service did not answer, or not as agreed. Whether there is such a user is not known."""


class Users:
    """A client whose neighbour may do its worst.

    Nobody waits longer than `timeout` seconds, and no more than `at_once` calls are under way; who finds no place waits
    for one, on the same time.
    """

    def __init__(self, url: str, timeout: float, at_once: int) -> None:
        self._timeout = timeout
        self._places = asyncio.Semaphore(at_once)
        self._trouble: str | None = None
        self._http = httpx.AsyncClient(
            base_url=url,
            timeout=timeout,
            limits=httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once),
            trust_env=False,
            verify=AUTHORITIES,
        )

    async def know(self, user_id: str) -> bool:
        """Whether there is this user. Raises Unavailable."""
        try:
            known = await self._ask(user_id)
        except Unavailable as error:
            self._trouble = str(error)
            raise
        self._trouble = None
        return known

    def trouble(self) -> str | None:
        """What was wrong with the last call, for `/readyz`. It asks nobody: a question of its own would wait, too."""
        return self._trouble

    async def close(self) -> None:
        await self._http.aclose()

    async def _ask(self, user_id: str) -> bool:
        try:
            # Not asyncio.timeout: what it cancels may leave its connection in httpx' pool, taken for good. The scopes
            # of anyio, which httpx is built on, let the pool clean up first.
            with anyio.fail_after(self._timeout):
                async with self._places:  # given back however this ends, or they would be gone after ten failures
                    answer = await self._http.get(f"/users/{quote(user_id, safe='')}", headers=outgoing_headers())
        except (httpx.HTTPError, TimeoutError) as error:
            raise Unavailable(repr(error)) from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            return False
        if answer.status_code != httpx.codes.OK or not _is_user(answer):
            raise Unavailable(f"answered {answer.status_code} {answer.text[:80]!r}")
        return True


def _is_user(answer: httpx.Response) -> bool:
    """Whether it is what was agreed. Fields that nobody told us of are none of our business."""
    try:
        body = answer.json()
    except ValueError:
        return False
    return isinstance(body, dict) and "id" in body
