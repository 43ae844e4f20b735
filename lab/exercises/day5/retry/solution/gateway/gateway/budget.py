"""How many retries the whole process may still make."""

from __future__ import annotations


class Budget:
    """A bucket of retries: every request earns a tenth of one, every retry costs one, and it never holds more than
    `reserve`.

    Four attempts a request is fine while one request in fifty needs them. In an outage every request does, and four
    times the traffic is what keeps a service down that tries to get up. With the bucket empty a failure is just passed
    on, and upstream sees at most a tenth more than it would without retries.
    """

    def __init__(self, reserve: float, share: float = 0.1) -> None:
        self._reserve = reserve
        self._share = share
        self._left = float(reserve)

    def earn(self) -> None:
        self._left = min(self._reserve, self._left + self._share)

    def spend(self) -> bool:
        """Pay for one retry; False if there is nothing left to pay with."""
        if self._left < 1:
            return False
        self._left -= 1
        return True
