"""So many requests of each visitor in so many seconds, whichever instances they come to."""

from __future__ import annotations

import math

from orders.shared import Redis


class Limiter:
    """A count for each visitor, which begins with their first request and is gone when the window is over.

    SET NX EX begins it, with its end, and INCR counts, in one step for everybody: no two are given the same number, and
    no count is left without an end.
    """

    def __init__(self, redis: Redis, limit: int, window: int) -> None:
        self._redis = redis
        self._limit = limit
        self._window = window

    def wait(self, user: str) -> int:
        """0 if the user may go on, or the seconds to wait."""
        key = f"orders:limit:{user}"
        with self._redis.pipeline(transaction=True) as step:
            step.set(key, 0, nx=True, ex=self._window)
            step.incr(key)
            step.pttl(key)
            _, number, left = step.execute()
        return 0 if number <= self._limit else max(1, math.ceil(left / 1000))
