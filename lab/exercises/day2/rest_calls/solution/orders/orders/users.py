"""The users service as its neighbour sees it: a question that is answered, or not, within a time of our choosing."""

from __future__ import annotations

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
        """Whether there is this user. Raises Unavailable.

        Only a 404 means no. Everything else that is not the agreed answer means that we do not know, and from what we
        do not know we draw no conclusions.
        """
        try:
            # httpx' own timeout is for each read: a body that drips a byte at a time would never exceed it.
            with anyio.fail_after(self._timeout):
                answer = await self._http.get(f"/users/{quote(user_id, safe='')}", headers=outgoing_headers())
        except (httpx.HTTPError, TimeoutError) as error:
            raise Unavailable(repr(error)) from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            return False
        if answer.status_code != httpx.codes.OK or not _is_user(answer):
            raise Unavailable(f"answered {answer.status_code} {answer.text[:80]!r}")
        return True

    async def close(self) -> None:
        await self._http.aclose()


def _is_user(answer: httpx.Response) -> bool:
    """Whether it is what was agreed. Fields that nobody told us of are none of our business."""
    try:
        body = answer.json()
    except ValueError:
        return False
    return isinstance(body, dict) and "id" in body
