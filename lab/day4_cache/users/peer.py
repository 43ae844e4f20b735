"""The other region, called with a limit on every wait."""

from __future__ import annotations

import time

import httpx
from pydantic import BaseModel

from lab.chassis.client import http_client
from lab.day4_cache.users.versions import Record

PATIENCE = 1.0
"""Seconds until an answer is given up."""
MARGIN = 0.2
"""Seconds before that, from which on a write is not begun any more."""


class Changes(BaseModel):
    """A page of what was written in a region; `upto` is where the next page begins."""

    items: list[Record]
    upto: int


class Unreachable(Exception):
    """The other region did not answer in time, or not with what was asked for."""


class Peer:
    def __init__(self, url: str) -> None:
        self._client = http_client(url, connect=PATIENCE, read=PATIENCE)

    def changes(self, after: int, limit: int) -> Changes:
        """Raises Unreachable."""
        return Changes.model_validate_json(self._asked("GET", "/changes", params={"after": after, "limit": limit}))

    def find(self, user_id: str) -> Record | None:
        """Raises Unreachable."""
        answer = self._asked("GET", f"/records/{user_id}")
        return Record.model_validate_json(answer) if answer else None

    def write(self, user_id: str, name: str) -> Record:
        """Raises Unreachable. The network may keep a request for minutes and deliver it then, when its sender has long
        been told that nothing came of it; so it says until when it is to be done."""
        until = str(time.time() + PATIENCE - MARGIN)
        answer = self._asked("PUT", f"/records/{user_id}", json={"name": name}, headers={"Valid-Until": until})
        return Record.model_validate_json(answer)

    def close(self) -> None:
        self._client.close()

    def _asked(self, method: str, path: str, **more: object) -> bytes:
        """The body of the answer; empty if there is no such user."""
        try:
            answer = self._client.request(method, path, **more)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            raise Unreachable(repr(error)) from error
        if answer.status_code == 404:
            return b""
        if not answer.is_success:
            raise Unreachable(f"it answered {answer.status_code}")
        return answer.content
