"""A neighbour that is called over HTTP, as our code sees it: one object that is asked, with every protection around the
call."""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx

from lab.chassis.client import http_client
from lab.chassis.problems import Problem
from lab.day6_integration.calls.protected import TOLD, Protected
from lab.day6_integration.calls.retry import Trouble

PASSING = frozenset({429, 502, 503, 504})
"""Statuses of a trouble that is likely to pass. Any other answer would be the same the next time."""
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, kw_only=True)
class Call:
    """What is asked of a neighbour. `path` is as it goes out, quoted."""

    method: str
    path: str
    params: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    kind: str = "application/json"

    @property
    def reads(self) -> bool:
        """Whether it may be asked twice, and of anybody: it changes nothing."""
        return self.method == "GET"


class Neighbour:
    """Share one between all threads."""

    def __init__(self, name: str, url: str, *, timeout: float, attempts: int = 1) -> None:
        self.name = name
        self._client = http_client(url, read=timeout, connections=64)
        self._protected = Protected(name, attempts=attempts)

    def send(self, call: Call) -> httpx.Response:
        """The answer, which is no 5xx and no 429. Raises Unavailable, and the neighbour's own Problem where it says
        that somebody behind it is unavailable."""
        what = f"{call.method} {call.path}"
        return self._protected.call(what, lambda: self._attempt(call), reads=call.reads)

    def close(self) -> None:
        self._client.close()

    def _attempt(self, call: Call) -> httpx.Response:
        headers = {"Content-Type": call.kind} if call.body and call.kind else {}
        try:
            answer = self._client.request(
                call.method, call.path, params=call.params, content=call.body or None, headers=headers
            )
        except NEVER_SENT as error:
            raise Trouble(repr(error), sent=False) from None
        except httpx.RequestError as error:  # reset, too late
            raise Trouble(repr(error)) from None
        if answer.headers.get("X-Should-Retry") == "false":
            raise _told(answer)
        if answer.status_code >= 500 or answer.status_code in PASSING:
            asked = answer.headers.get("Retry-After", "")
            raise Trouble(
                f"status {answer.status_code}",
                passing=answer.status_code in PASSING,
                retry_after=float(asked) if asked.isdecimal() else 0.0,
            )
        return answer


def _told(answer: httpx.Response) -> Problem:
    """What the neighbour said of somebody behind it, to be passed on as it is."""
    said = answer.json()
    headers = {"Retry-After": answer.headers.get("Retry-After", "1"), **TOLD}
    return Problem(answer.status_code, said.get("code", "unavailable"), said.get("detail", ""), headers=headers)
