"""The users service as its neighbour sees it: questions that are answered, or not, within a time of our choosing."""

from __future__ import annotations

from collections.abc import Set
from typing import Any
from urllib.parse import quote

import anyio
import httpx

from lab.chassis.ids import outgoing_headers
from lab.chassis.tls import AUTHORITIES


class Unavailable(Exception):
    """The users service did not answer, or not as agreed. Whether there is such a user is not known."""


class Users:
    """A client that keeps its connections: opening one for each question costs a round trip each time."""

    def __init__(self, url: str, timeout: float) -> None:
        """`timeout` in seconds is for the whole answer."""
        self._timeout = timeout
        self._http = httpx.AsyncClient(
            base_url=url,
            timeout=timeout,
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=20),
            trust_env=False,
            verify=AUTHORITIES,
        )

    async def know(self, user_id: str) -> bool:
        """Whether there is this user. Raises Unavailable."""
        answer = await self._get(f"/users/{quote(user_id, safe='')}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return False
        if "id" not in _agreed(answer):
            raise _not_as_agreed(answer)
        return True

    async def named(self, ids: Set[str]) -> dict[str, dict[str, str]]:
        """Those of the users that there are, by id: all of them in one question. Raises Unavailable."""
        if not ids:
            return {}
        answer = await self._get("/users", {"ids": ",".join(sorted(ids))})
        try:
            found = {user["id"]: {"id": user["id"], "name": user["name"]} for user in _agreed(answer)["items"]}
        except (KeyError, TypeError):
            raise _not_as_agreed(answer) from None
        return found

    async def close(self) -> None:
        await self._http.aclose()

    async def _get(self, path: str, query: dict[str, str] | None = None) -> httpx.Response:
        """Raises Unavailable."""
        try:
            # httpx' own timeout is for each read: a body that drips a byte at a time would never exceed it.
            with anyio.fail_after(self._timeout):
                return await self._http.get(path, params=query, headers=outgoing_headers())
        except (httpx.HTTPError, TimeoutError) as error:
            raise Unavailable(repr(error)) from error


def _agreed(answer: httpx.Response) -> dict[str, Any]:
    """The object that was agreed. Fields that nobody told us of are none of our business. Raises Unavailable."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if answer.status_code != httpx.codes.OK or not isinstance(body, dict):
        raise _not_as_agreed(answer)
    return body


def _not_as_agreed(answer: httpx.Response) -> Unavailable:
    return Unavailable(f"answered {answer.status_code} {answer.text[:80]!r}")
