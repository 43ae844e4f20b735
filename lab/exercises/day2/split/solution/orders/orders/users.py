"""The users service as its neighbour sees it: one question, to somebody who may be away or of another release."""

from __future__ import annotations

from urllib.parse import quote

import httpx

from lab.chassis.ids import outgoing_headers
from lab.chassis.tls import AUTHORITIES


class Unavailable(Exception):
    """Whether there is such a user cannot be told just now."""


class Users:
    """A client that connects when it asks, not before: to start, nobody has to be there."""

    def __init__(self, url: str, timeout: float) -> None:
        """`timeout` in seconds."""
        self._http = httpx.Client(base_url=url, timeout=timeout, trust_env=False, verify=AUTHORITIES)

    def know(self, user_id: str) -> bool:
        """Whether there is this user. Raises Unavailable.

        The status says it all, so nothing of the body is read: what is not read cannot break us when it changes.
        """
        try:
            answer = self._http.get(f"/users/{quote(user_id, safe='')}", headers=outgoing_headers())
        except httpx.HTTPError as error:
            raise Unavailable(repr(error)) from error
        if answer.status_code not in (httpx.codes.OK, httpx.codes.NOT_FOUND):
            raise Unavailable(f"answered {answer.status_code}")
        return answer.status_code == httpx.codes.OK

    def close(self) -> None:
        self._http.close()
