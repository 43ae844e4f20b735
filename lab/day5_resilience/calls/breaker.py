"""A circuit breaker: stop calling the dead, probe carefully, close again."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Literal, TypeVar

T = TypeVar("T")
State = Literal["closed", "open", "half-open"]


class Failure(Exception):
    """The neighbour did not do its part: too late, cut off, 5xx. The only kind of exception that a breaker counts."""


class CircuitOpen(Exception):
    """The call was not made."""


class Breaker:
    """Guards the calls of one neighbour: opens when so large a share (`failing`) of its last `window` calls failed, for
    `reset` seconds, and then lets `probes` calls at a time try whether it is well again. `on_change` hears of
    every new state, and why; of the first without a reason.

    The clock is monotonic: a wall clock that is set back would keep a breaker open for an hour. The lock is held for
    the bookkeeping only, never for the call, or calls would queue in the breaker that can run side by side.
    """

    def __init__(
        self,
        on_change: Callable[[State, str], None],
        *,
        window: int = 20,
        failing: float = 0.75,
        reset: float,
        probes: int = 1,
    ) -> None:
        self._on_change, self._failing, self._reset, self._probes = on_change, failing, reset, probes
        self._lock = threading.Lock()
        self._state: State = "closed"
        self._term = 0  # a number for the time since the last change of state
        self._outcomes: deque[bool] = deque(maxlen=window)
        self._in_flight = 0
        self._open_until = 0.0
        on_change(self._state, "")

    def call(self, work: Callable[[], T]) -> T:
        """The result of `work`, or CircuitOpen without having called it."""
        term = self._admit()
        failed = None  # as far as we know: any other exception says nothing about the neighbour
        try:
            result = work()
            failed = False
            return result
        except Failure:
            failed = True
            raise
        finally:
            self._settle(term, failed)

    def _admit(self) -> int:
        with self._lock:
            if self._state == "open" and time.monotonic() >= self._open_until:
                self._become("half-open", f"{self._reset:g} s are over")
            if self._state == "open" or (self._state == "half-open" and self._in_flight >= self._probes):
                raise CircuitOpen
            self._in_flight += 1
            return self._term

    def _settle(self, term: int, failed: bool | None) -> None:
        with self._lock:
            if term != self._term:
                return  # it began before the last change: news from another time
            self._in_flight -= 1
            if failed is None:
                return
            self._outcomes.append(failed)
            if self._state == "half-open":
                self._become("open" if failed else "closed", "a probe failed" if failed else "a probe went well")
            elif len(self._outcomes) == self._outcomes.maxlen and self._too_many():
                self._become("open", f"{sum(self._outcomes)} of the last {len(self._outcomes)} failed")

    def _too_many(self) -> bool:
        return sum(self._outcomes) >= self._failing * len(self._outcomes)

    def _become(self, state: State, why: str) -> None:
        self._state = state
        self._term += 1
        self._in_flight = 0
        self._outcomes.clear()
        self._open_until = time.monotonic() + self._reset
        self._on_change(state, why)
