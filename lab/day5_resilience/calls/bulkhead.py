"""A bulkhead: of the threads that answer requests, one neighbour may hold so many and no more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Full(Exception):
    """All slots are taken. Waiting for one would hold the very thread that the bulkhead is to keep free."""


class Bulkhead:
    """Slots for the calls to one neighbour; with `slots` 0 there is no limit."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.taken = 0
        self._lock = threading.Lock()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one, whatever becomes of the call. Raises Full."""
        with self._lock:
            if self.slots and self.taken >= self.slots:
                raise Full
            self.taken += 1
        try:
            yield
        finally:
            with self._lock:
                self.taken -= 1
