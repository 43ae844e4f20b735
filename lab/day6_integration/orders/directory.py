"""Asking users whether somebody is registered: over HTTP, or over gRPC (`rpc.py`)."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import quote

from lab.day6_integration.calls.neighbour import Call, Neighbour


class Directory(Protocol):
    """Knows who there is."""

    def knows(self, user_id: str) -> bool:
        """Raises Unavailable."""

    def close(self) -> None: ...


class RestDirectory:
    """Asks over HTTP."""

    def __init__(self, url: str, timeout: float) -> None:
        self._users = Neighbour("users", url, timeout=timeout, attempts=2)

    def knows(self, user_id: str) -> bool:
        return self._users.send(Call(method="GET", path=f"/users/{quote(user_id, safe='')}")).status_code != 404

    def close(self) -> None:
        self._users.close()
