"""A neighbour as our code sees it: one object that is asked, with every protection around the call."""

from __future__ import annotations

import logging
import math
import time
from typing import Any

import httpx

from lab.chassis.client import http_client
from lab.chassis.problems import Problem
from lab.day5_resilience.calls import metrics
from lab.day5_resilience.calls.breaker import Breaker, CircuitOpen, State
from lab.day5_resilience.calls.budget import Budget
from lab.day5_resilience.calls.bulkhead import Bulkhead, Full
from lab.day5_resilience.calls.protections import Protections
from lab.day5_resilience.calls.retry import Policy, Trouble, retrying
from lab.day5_resilience.calls.retry_after import retry_after

log = logging.getLogger(__name__)

PASSING = frozenset({429, 502, 503, 504})
"""Statuses of a trouble that is likely to pass. Any other answer would be the same the next time."""
TOLD = {"X-Should-Retry": "false"}
"""What a layer says that has done what could be done. Without it four attempts in each of two layers are sixteen, and
the breaker in front of a healthy service opens because of the dead one behind it."""
RESET = 3.0
"""Seconds that a breaker is open: about as long as a neighbour needs to start."""
_CODES: dict[State, int] = {"closed": 0, "open": 1, "half-open": 2}


class Unavailable(Exception):
    """No answer from the neighbour, by whatever protection or trouble; the message says why."""


class Neighbour:
    """Share one between all threads: its breaker, budget and slots are about all calls together."""

    def __init__(
        self,
        name: str,
        url: str,
        on: Protections,
        *,
        timeout: float = 1.0,
        attempts: int = 1,
        base: float = 0.05,
        slots: int = 0,
    ) -> None:
        self.name = name
        self._client = http_client(url, read=timeout, connections=64)
        self._policy = Policy(attempts=attempts, base=base, jitter=on.jitter)
        self._once = Policy(jitter=on.jitter)
        self._budget = Budget() if on.retry_budget else None
        self._breaker = Breaker(self._changed, reset=RESET) if on.breaker else None
        self._bulkhead = Bulkhead(slots if on.bulkhead else 0)

    def get(self, path: str, **query: str) -> httpx.Response:
        """The answer, which is no 5xx and no 429. Raises Unavailable."""
        return self._call("GET", path, self._policy, params=query)

    def post(self, path: str, body: Any, *, key: str = "") -> httpx.Response:
        """As `get`, but tried once: after a timeout nobody knows whether it was done. With an idempotency `key` that
        does not matter."""
        if key:
            return self._call("POST", path, self._policy, json=body, headers={"Idempotency-Key": key})
        return self._call("POST", path, self._once, json=body)

    def close(self) -> None:
        self._client.close()

    def _call(self, method: str, path: str, policy: Policy, **what: Any) -> httpx.Response:
        """Every call leaves one line and one count, whatever becomes of it."""
        began, attempts, outcome = time.monotonic(), 0, "ok"

        def attempt() -> httpx.Response:
            nonlocal attempts
            attempts += 1
            metrics.ATTEMPTS.labels(self.name).inc()
            metrics.RETRIES.labels(self.name).inc(attempts > 1)
            return self._attempt(method, path, **what)

        def guarded() -> httpx.Response:
            return self._breaker.call(attempt) if self._breaker else attempt()

        try:
            with self._bulkhead.slot():
                metrics.TAKEN.labels(self.name).set(self._bulkhead.taken)
                return retrying(policy, self._budget, guarded)
        except Full:
            outcome = "full"
            raise Unavailable(f"{self.name}: all {self._bulkhead.slots} slots are taken") from None
        except CircuitOpen:
            outcome = "open"
            raise Unavailable(f"{self.name}: the breaker is open") from None
        except Trouble as trouble:
            outcome = "failed"
            raise Unavailable(f"{self.name}: {trouble}") from None
        finally:
            metrics.TAKEN.labels(self.name).set(self._bulkhead.taken)
            metrics.CALLS.labels(self.name, outcome).inc()
            metrics.SECONDS.labels(self.name).observe(time.monotonic() - began)
            left = {"budget": round(self._budget.left, 1)} if self._budget else {}
            metrics.LEFT.labels(self.name).set(left.get("budget", math.inf))
            log.log(
                logging.INFO if outcome == "ok" else logging.WARNING,
                "%s %s of %s: %s",
                method,
                path,
                self.name,
                outcome,
                extra={
                    "event": "call",
                    "neighbour": self.name,
                    "outcome": outcome,
                    "attempts": attempts,
                    "ms": round((time.monotonic() - began) * 1000, 1),
                    "taken": self._bulkhead.taken,
                    "slots": self._bulkhead.slots,
                    **left,
                },
            )

    def _attempt(self, method: str, path: str, **what: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **what)
        except httpx.RequestError as error:  # refused, reset, too late
            raise Trouble(repr(error)) from None
        if answer.headers.get("X-Should-Retry") == "false":
            # The neighbour itself is well. Whom it needs is not, and it has done what could be done.
            raise _told(answer)
        if answer.status_code >= 500 or answer.status_code in PASSING:
            raise Trouble(
                f"status {answer.status_code}",
                passing=answer.status_code in PASSING,
                retry_after=retry_after(answer),
            )
        return answer

    def _changed(self, state: State, why: str) -> None:
        metrics.STATE.labels(self.name).set(_CODES[state])
        metrics.TRANSITIONS.labels(self.name, state).inc()
        line = {"event": "breaker", "name": self.name, "state": state}
        log.log(
            logging.INFO if state == "closed" else logging.WARNING,
            "the breaker of %s is %s%s",
            self.name,
            state,
            f": {why}" if why else "",
            extra={"fields": {**line, "why": why, "seconds": RESET}},
        )


def _told(answer: httpx.Response) -> Problem:
    """What the neighbour said of somebody behind it, to be passed on as it is."""
    said = answer.json()
    headers = {"Retry-After": answer.headers.get("Retry-After", "1"), **TOLD}
    return Problem(answer.status_code, said.get("code", "unavailable"), said.get("detail", ""), headers=headers)
