"""How many retries the whole process may still make."""

from __future__ import annotations

import threading


class Budget:
    """A bucket of retries. A retry costs one; a call that ends well gives back what its own cost, and a little more.

    While calls fail now and then, retries help and the bucket stays full. In an outage they do not help, nothing comes
    back, and after `reserve` of them the neighbour sees no more calls than there would be without retries.
    """

    def __init__(self, reserve: float = 10, earned: float = 0.2) -> None:
        self._reserve, self._earned = reserve, earned
        self._left = reserve
        self._lock = threading.Lock()

    @property
    def left(self) -> float:
        """How many retries it still pays for."""
        return self._left

    def spend(self) -> bool:
        """Pay for one retry; False if there is nothing left to pay with."""
        with self._lock:
            if self._left < 1:
                return False
            self._left -= 1
            return True

    def ended_well(self, retries: int) -> None:
        with self._lock:
            self._left = min(self._reserve, self._left + retries + self._earned)
