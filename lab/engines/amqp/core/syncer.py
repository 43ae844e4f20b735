"""A thread that makes written bytes safe, so that the event loop never waits for the disk."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue


class Syncer:
    """One fsync at a time, in a thread of its own; a pool's futures would cost as much as the sync."""

    def __init__(self, done: Callable[[int, OSError | None], None]) -> None:
        """`done(position, error)` is called in the thread."""
        self._done = done
        self._orders: SimpleQueue[tuple[list[int], int] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="fsync", daemon=True)
        self._thread.start()

    def order(self, handles: list[int], position: int) -> None:
        """Syncs the files and closes the handles."""
        self._orders.put((handles, position))

    def close(self) -> None:
        """Returns when all that was ordered is done."""
        self._orders.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (order := self._orders.get()) is not None:
            handles, position = order
            failure = None
            for handle in handles:
                try:
                    os.fsync(handle)
                except OSError as error:
                    failure = error
                finally:
                    os.close(handle)
            self._done(position, failure)
