"""Asking users who there is. Their answers, and every way to get none, become one of three: yes, no, nobody knows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import BoundedSemaphore
from typing import Protocol
from urllib.parse import quote

import httpx

from lab.chassis.client import http_client
from lab.chassis.problems import Problem

log = logging.getLogger(__name__)


class Unavailable(Exception):
    """Nobody knows: users gave no answer in time, or none that can be read."""


class Directory(Protocol):
    """Knows who there is."""

    def knows(self, user_id: str) -> bool:
        """Raises Unavailable."""

    def close(self) -> None: ...


class RestDirectory:
    """Asks over HTTP."""

    def __init__(self, url: str, timeout: float) -> None:
        self._client = http_client(url, connect=min(1.0, timeout), read=timeout)

    def knows(self, user_id: str) -> bool:
        try:
            response = self._client.get(f"/users/{quote(user_id, safe='')}")
            if response.status_code == 404:
                return False
            if response.status_code == 200 and tells_of(response.json(), user_id):
                return True
        except (httpx.HTTPError, ValueError) as error:
            raise Unavailable(repr(error)) from error
        raise Unavailable(f"users answered {response.status_code}, and not what was agreed")

    def close(self) -> None:
        self._client.close()


def tells_of(answer: object, user_id: str) -> bool:
    """Whether it is about that user. This reader is tolerant: an id is all it needs, and whatever else a new release
    adds, renames or leaves out is no concern of orders."""
    return isinstance(answer, dict) and answer.get("id") == user_id


class Bounded:
    """At most so many questions at once; what comes on top is told "not now" instead of waiting behind them.

    All requests share the threads of one process. Without a bound, those that wait for users would take all of them,
    and reading an order would wait for users, too, though it does not ask.
    """

    def __init__(self, knows: Callable[[str], bool], most: int) -> None:
        self._knows = knows
        self._free = BoundedSemaphore(most)

    def need(self, user_id: str, status: int) -> None:
        """Go on only if there is such a user. Raises Problem: with `status` if there is none, 503 if nobody knows."""
        if not self._free.acquire(blocking=False):
            raise _unavailable("too many questions wait for an answer already")
        try:
            if not self._knows(user_id):
                raise Problem(status, "unknown_user", f"There is no user {user_id}.")
        except Unavailable as error:
            log.warning("users gave no answer: %s", error, extra={"event": "unanswered"})
            raise _unavailable(str(error)) from error
        finally:
            self._free.release()


def _unavailable(reason: str) -> Problem:
    """Never a yes, and never a no: only a later question can tell."""
    detail = f"Users cannot be asked: {reason}."
    return Problem(503, "users_unavailable", detail, headers={"Retry-After": "1"})
