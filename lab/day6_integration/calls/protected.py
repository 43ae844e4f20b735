"""What stands around every call of a neighbour, whatever it is made over."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from lab.chassis.problems import Problem
from lab.day6_integration.calls import metrics
from lab.day6_integration.calls.breaker import CircuitOpen
from lab.day6_integration.calls.breaking import breaker
from lab.day6_integration.calls.budget import Budget
from lab.day6_integration.calls.retry import Policy, Trouble, retrying

TOLD = {"X-Should-Retry": "false"}
"""What a layer says that has done what could be done: nobody above it tries again, and no breaker counts it."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class Unavailable(Problem):
    """The neighbour gave no answer. `sent`: it may have got the call, and done what it says."""

    def __init__(self, status: int, name: str, detail: str, *, sent: bool) -> None:
        super().__init__(status, f"{name}_unavailable", detail, headers={"Retry-After": "1", **TOLD})
        self.sent = sent


class Protected:
    """Share one between all threads: its breaker and its budget are about all calls of the neighbour together."""

    def __init__(self, name: str, *, attempts: int = 1) -> None:
        self.name = name
        self._reading, self._writing = Policy(attempts=attempts), Policy()
        self._budget = Budget()
        self._breaker = breaker(name)

    def call(self, what: str, attempt: Callable[[], T], *, reads: bool) -> T:
        """The result of `attempt`, which raises Trouble where the neighbour does not do its part. Only reads are tried
        again: of a write that got no answer nobody knows whether it was done. Raises Unavailable. Every call leaves one
        line and one count, whatever becomes of it."""
        began, attempts, outcome = time.monotonic(), 0, "ok"

        def counted() -> T:
            nonlocal attempts
            attempts += 1
            metrics.ATTEMPTS.labels(self.name).inc()
            return attempt()

        try:
            policy = self._reading if reads else self._writing
            return retrying(policy, self._budget, lambda: self._breaker.call(counted))
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
                "%s of %s: %s",
                what,
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
