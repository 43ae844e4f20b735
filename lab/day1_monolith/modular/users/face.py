"""What the others may ask users, and what users tell them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import httpx

from lab.chassis.client import http_client
from lab.chassis.problems import Problem


@dataclass(frozen=True)
class UserRegistered:
    user_id: str
    email: str


class Directory(Protocol):
    """Knows who there is."""

    def knows(self, user_id: str) -> bool: ...


class RemoteUsers:
    """The same face where users run elsewhere: each question is a call now, and may fail."""

    def __init__(self, url: str) -> None:
        self._client = http_client(url)

    def knows(self, user_id: str) -> bool:
        try:
            status = self._client.get(f"/users/{user_id}").status_code
        except httpx.HTTPError as error:
            raise Problem(503, "users_unavailable", f"Users cannot be asked: {error!r}") from error
        if status not in (200, 404):
            raise Problem(503, "users_unavailable", f"Users answered {status}.")
        return status == 200

    def close(self) -> None:
        self._client.close()
