"""What the cache could not be told: which of its copies must not be believed, and until when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Doubts:
    """For an id, the version below which a copy is out of date. After `seconds` the copy has expired by itself, and the
    doubt with it. They are in memory, so a crash during an outage leaves nothing but the copies' lifetime."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._oldest: dict[str, tuple[float, float]] = {}
        """By id: the oldest version to be believed, and when the doubt ends; the doubt that ends first comes first."""

    def raise_about(self, product_id: str, version: float) -> None:
        """Believe no copy older than this version; math.inf: none at all."""
        with self._lock:
            known, _ = self._oldest.pop(product_id, (0.0, 0.0))
            self._oldest[product_id] = (max(known, version), self._clock() + self._seconds)
            while self._clock() > next(iter(self._oldest.values()))[1]:
                del self._oldest[next(iter(self._oldest))]

    def about(self, product_id: str, version: int) -> bool:
        """Whether a copy of this version may be out of date."""
        oldest, until = self._oldest.get(product_id, (0.0, 0.0))
        return version < oldest and self._clock() <= until
