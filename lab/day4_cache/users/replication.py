"""Replication: twice a second this region asks the other one what has been written there."""

from __future__ import annotations

import logging
import math
import time
from threading import Event, Thread

from lab.day4_cache.users.peer import Peer, Unreachable
from lab.day4_cache.users.store import Arrival, Store

PAGE = 200

log = logging.getLogger(__name__)


class Replication:
    """A thread of its own."""

    def __init__(self, store: Store, peer: Peer, name: str, every: float) -> None:
        self._store = store
        self._peer = peer
        self._name = name
        self._every = every
        self._over = Event()
        self._thread = Thread(target=self._run, name="replication", daemon=True)
        self._complete: float | None = None
        self.reached = True
        """Whether the other region answered when it was last asked."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def behind(self) -> float:
        """Whatever the other region had promised so many seconds ago is here; of later writes some may be missing."""
        return math.inf if self._complete is None else time.monotonic() - self._complete

    def check(self) -> str | None:
        """What is wrong with it, if anything is."""
        return None if self.reached else f"{self._name} does not answer"

    def _run(self) -> None:
        while not self._over.wait(self._every):
            try:
                self._catch_up()
            except Unreachable as error:
                self._turned(False, str(error))
            except Exception:
                log.exception("replication failed; it is tried again")
            else:
                self._turned(True, "")

    def _catch_up(self) -> None:
        """Page by page, until there is nothing new. Raises Unreachable."""
        while True:
            asked, place = time.monotonic(), self._store.place()
            page = self._peer.changes(place, PAGE)
            for arrival in self._store.receive(page.items, page.upto) if page.items else ():
                _tell(arrival)
            if len(page.items) < PAGE:
                self._complete = asked
                return

    def _turned(self, reached: bool, reason: str) -> None:
        if reached != self.reached:
            self.reached = reached
            fields = {"event": "peer", "peer": self._name, "reached": reached}
            log.warning("%s is %s %s", self._name, "heard again" if reached else "cut off:", reason, extra=fields)


def _tell(arrival: Arrival) -> None:
    """A conflict is told with the name that went: whoever has to ask the user finds both here."""
    kept = arrival.kept
    told = {"entity": "user", "id": kept.id, "versions": kept.versions, "by": kept.by}
    if arrival.dropped is None:
        log.info("user %s has arrived", kept.id, extra={"event": "replicated", **told})
    else:
        conflict = {"event": "conflict", "kept": kept.name, "dropped": arrival.dropped, **told}
        log.warning("user %s was written on both sides: %r stays", kept.id, kept.name, extra=conflict)
