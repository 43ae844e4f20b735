"""A circuit breaker: stop calling the dead, probe carefully, close again."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import TypeVar

T = TypeVar("T")


class State(IntEnum):
    CLOSED = 0
    OPEN = 1
    HALF_OPEN = 2


class Failure(Exception):
    """Upstream did not do its part: too late, cut off, 5xx. The only kind of exception that a breaker counts."""


class CircuitOpen(Exception):
    """The call was not made."""


class Breaker:
    """Guards the calls of one upstream: opens after so many `failures` in a row, for `reset` seconds, and then lets
    `probes` calls try at a time.

    Between two `await`s no other task runs, so the bookkeeping needs no lock. With threads it would: around the
    bookkeeping, never around the call, or calls queue in the breaker that could run side by side.
    """

    def __init__(self, *, failures: int, reset: float, probes: int, on_change: Callable[[State], None]) -> None:
        self._failures, self._reset, self._probes, self._on_change = failures, reset, probes, on_change
        self._state = State.CLOSED
        self._term = 0  # a number for the time since the last change of state
        self._in_flight = self._in_a_row = 0  # calls of this term: under way, and the last ones that failed
        self._open_until = 0.0

    async def call(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work`, or CircuitOpen without having called it."""
        term = self._admit()
        failed = None  # as far as we know: a call that is cancelled says nothing about upstream
        try:
            result = await work()
            failed = False
            return result
        except Failure:
            failed = True
            raise
        finally:
            self._settle(term, failed)

    def _admit(self) -> int:
        """Let a call through, or raise. Returns the term in which it begins."""
        if self._state is State.OPEN and time.monotonic() >= self._open_until:
            self._become(State.HALF_OPEN)
        if self._state is State.OPEN or (self._state is State.HALF_OPEN and self._in_flight >= self._probes):
            raise CircuitOpen
        self._in_flight += 1
        return self._term

    def _settle(self, term: int, failed: bool | None) -> None:
        """Learn from how a call ended."""
        if term != self._term:
            return  # it began before the last change: news from another time
        self._in_flight -= 1
        if failed is None:
            return
        self._in_a_row = self._in_a_row + 1 if failed else 0
        if failed and (self._state is State.HALF_OPEN or self._in_a_row >= self._failures):
            self._open_until = time.monotonic() + self._reset
            self._become(State.OPEN)
        elif not failed and self._state is State.HALF_OPEN:
            self._become(State.CLOSED)

    def _become(self, state: State) -> None:
        self._state = state
        self._term += 1
        self._in_flight = self._in_a_row = 0
        self._on_change(state)
