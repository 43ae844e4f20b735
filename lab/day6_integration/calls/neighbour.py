"""A neighbour as our code sees it: one object that is asked, with every protection around the call."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

import httpx

from lab.chassis.client import http_client
from lab.chassis.problems import Problem
from lab.day6_integration.calls import metrics
from lab.day6_integration.calls.breaker import CircuitOpen
from lab.day6_integration.calls.breaking import breaker
from lab.day6_integration.calls.budget import Budget
from lab.day6_integration.calls.retry import Policy, Trouble, retrying

log = logging.getLogger(__name__)

PASSING = frozenset({429, 502, 503, 504})
"""Statuses of a trouble that is likely to pass. Any other answer would be the same the next time."""
TOLD = {"X-Should-Retry": "false"}
"""What a layer says that has done what could be done: nobody above it tries again, and no breaker counts it."""
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


class Unavailable(Problem):
    """The neighbour gave no answer. `sent`: it may have got the call, and done what it says."""

    def __init__(self, status: int, name: str, detail: str, *, sent: bool) -> None:
        super().__init__(status, f"{name}_unavailable", detail, headers={"Retry-After": "1", **TOLD})
        self.sent = sent


class Neighbour:
    """Share one between all threads: its breaker and its budget are about all calls together."""

    def __init__(self, name: str, url: str, *, timeout: float, attempts: int = 1) -> None:
        self.name = name
        self._client = http_client(url, read=timeout, connections=64)
        self._reading, self._writing = Policy(attempts=attempts), Policy()
        self._budget = Budget()
        self._breaker = breaker(name)

    def send(self, call: Call) -> httpx.Response:
        """The answer, which is no 5xx and no 429. Only reads are tried again: of a write that got no answer nobody
        knows whether it was done. Raises Unavailable, and the neighbour's own Problem where it says that somebody
        behind it is unavailable. Every call leaves one line and one count, whatever becomes of it."""
        began, attempts, outcome = time.monotonic(), 0, "ok"

        def attempt() -> httpx.Response:
            nonlocal attempts
            attempts += 1
            metrics.ATTEMPTS.labels(self.name).inc()
            return self._attempt(call)

        try:
            policy = self._reading if call.reads else self._writing
            return retrying(policy, self._budget, lambda: self._breaker.call(attempt))
        except CircuitOpen:
            outcome = "open"
            raise Unavailable(503, self.name, f"The breaker of {self.name} is open.", sent=attempts > 0) from None
        except Trouble as trouble:
            outcome = "failed"
            status = 504 if trouble.sent else 503
            raise Unavailable(status, self.name, f"{self.name}: {trouble}.", sent=trouble.sent) from None
        finally:
            metrics.CALLS.labels(self.name, outcome).inc()
            log.log(
                logging.INFO if outcome == "ok" else logging.WARNING,
                "%s %s of %s: %s",
                call.method,
                call.path,
                self.name,
                outcome,
                extra={
                    "event": "call",
                    "neighbour": self.name,
                    "outcome": outcome,
                    "attempts": attempts,
                    "ms": round((time.monotonic() - began) * 1000, 1),
                },
            )

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
