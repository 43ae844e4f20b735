"""A circuit breaker. This one lets every call through: it is yours to write."""

from __future__ import annotations

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
    `probes` calls try at a time. `on_change` is told of every change of state: metrics and log lines come from there.
    """

    def __init__(self, *, failures: int, reset: float, probes: int, on_change: Callable[[State], None]) -> None:
        self._failures, self._reset, self._probes, self._on_change = failures, reset, probes, on_change

    async def call(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work`, or CircuitOpen without having called it."""
        # TODO: count failures, open, refuse, probe, close. Everything else in this service is done.
        return await work()
