"""The backfill, which never ends: time and again the copy is held against the record."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread

from lab.chassis.problems import Problem

log = logging.getLogger(__name__)


class Sweeper:
    """Calls `sweep` in a thread of its own until it is stopped."""

    def __init__(self, sweep: Callable[[], int], every: float) -> None:
        self._sweep = sweep
        self._every = every
        self._over = Event()
        self._thread = Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._every):
            try:
                mended = self._sweep()
            except Problem as problem:
                log.warning("the sweep was broken off: %s", problem.detail)
            except Exception:
                log.exception("the sweep failed; the next one begins anew")
            else:
                if mended:
                    log.info("%d copies were made or mended", mended, extra={"event": "sweep", "mended": mended})
