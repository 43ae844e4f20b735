"""Meter and Spread measure how often and how long, over the last seconds and in bounded memory. Time is passed in."""

from __future__ import annotations

from copy import copy
from math import exp, log

STEPS_PER_SECOND = 2
WINDOW_STEPS = 10
WINDOW = WINDOW_STEPS / STEPS_PER_SECOND
"""Seconds that a Meter looks back."""

_RING = WINDOW_STEPS + 1
_BUCKETS_PER_E = 20
_FLOOR_MS = 0.01
_BUCKETS = 324
"""About 5 % a bucket from 0.01 ms to 100 s, so a quantile is never further off than that."""


class Meter:
    """Counts events and knows the rate of the last seconds."""

    __slots__ = ("_counts", "_slot", "total")

    def __init__(self) -> None:
        self.total = 0
        self._counts = [0] * _RING
        self._slot = 0

    def add(self, t: float) -> None:
        self.total += 1
        slot = int(t * STEPS_PER_SECOND)
        if slot > self._slot:
            self._roll(slot)
        self._counts[self._slot % _RING] += 1

    def rate(self, now: float) -> float:
        """Events a second over the last WINDOW seconds (over the run's time so far if that is shorter)."""
        slot = int(now * STEPS_PER_SECOND)
        if slot > self._slot:
            self._roll(slot)
        complete = sum(self._counts) - self._counts[self._slot % _RING]
        steps = min(WINDOW_STEPS, self._slot)
        return complete * STEPS_PER_SECOND / steps if steps else 0.0

    def copy(self) -> Meter:
        other = copy(self)
        other._counts = self._counts[:]
        return other

    def _roll(self, slot: int) -> None:
        for step in range(max(self._slot + 1, slot - _RING + 1), slot + 1):
            self._counts[step % _RING] = 0
        self._slot = slot


class Spread:
    """Durations in ms: their quantiles over the last 5-10 seconds and over everything."""

    __slots__ = ("_ends", "_now", "_past", "_previous")

    def __init__(self) -> None:
        self._now = [0] * _BUCKETS
        self._previous = [0] * _BUCKETS
        self._past = [0] * _BUCKETS
        self._ends = WINDOW

    def add(self, ms: float, t: float) -> None:
        if t >= self._ends:
            self._turn(t)
        bucket = int(log(ms / _FLOOR_MS) * _BUCKETS_PER_E) if ms > _FLOOR_MS else 0
        self._now[bucket if bucket < _BUCKETS else _BUCKETS - 1] += 1

    def lately(self, now: float, *shares: float) -> tuple[float | None, ...]:
        """The quantiles of the last seconds, one for each of `shares` (0-1); None where nothing was timed."""
        if now >= self._ends:
            self._turn(now)
        return _quantiles([a + b for a, b in zip(self._now, self._previous, strict=True)], shares)

    def overall(self, *shares: float) -> tuple[float | None, ...]:
        """The quantiles of everything added so far."""
        columns = zip(self._now, self._previous, self._past, strict=True)
        return _quantiles([a + b + c for a, b, c in columns], shares)

    def copy(self) -> Spread:
        other = copy(self)
        # Only `_now` is written to; the others are replaced as a whole.
        other._now = self._now[:]
        return other

    def _turn(self, t: float) -> None:
        self._past = [a + b for a, b in zip(self._past, self._previous, strict=True)]
        self._previous = self._now
        self._now = [0] * _BUCKETS
        self._ends += WINDOW
        if t >= self._ends:
            self._turn_idle(t)

    def _turn_idle(self, t: float) -> None:
        """More than a whole window passed without anything: what was recent is past."""
        self._past = [a + b for a, b in zip(self._past, self._previous, strict=True)]
        self._previous = [0] * _BUCKETS
        self._ends = (t // WINDOW + 1) * WINDOW


def _quantiles(counts: list[int], shares: tuple[float, ...]) -> tuple[float | None, ...]:
    total = sum(counts)
    if not total:
        return tuple(None for _ in shares)
    found: list[float | None] = []
    for share in shares:
        wanted = max(1, -(-total * share // 1))
        seen = 0
        for bucket, count in enumerate(counts):
            seen += count
            if seen >= wanted:
                found.append(_FLOOR_MS * exp((bucket + 0.5) / _BUCKETS_PER_E))
                break
    return tuple(found)
