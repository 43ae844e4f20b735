"""Recommendations, with which a page is nicer and without which it is still a page."""

from __future__ import annotations

import logging
from collections import OrderedDict
from threading import Lock
from typing import Any

from lab.day5_resilience.calls import metrics
from lab.day5_resilience.calls.neighbour import Neighbour, Unavailable

log = logging.getLogger(__name__)

DEFAULT = [{"id": "p-0", "name": "what everybody buys"}]
MOST = 1000
"""Users whose last recommendations are kept."""


class Recommendations:
    """What reco says, or what it last said of this user, or the same for everybody. The fallback is at hand before
    anything is broken: it asks nobody."""

    def __init__(self, reco: Neighbour, *, fallback: bool) -> None:
        self._reco, self._fallback = reco, fallback
        self._last: OrderedDict[str, Any] = OrderedDict()
        self._lock = Lock()

    def of(self, user_id: str) -> tuple[Any, str]:
        """The items, and how good they are: `fresh`, `stale` or `default`. Raises Unavailable without a fallback."""
        try:
            answer = self._reco.get(f"/recommendations/{user_id}")
        except Unavailable:
            if not self._fallback:
                raise
            return self._instead(user_id)
        items = answer.json()["items"]
        with self._lock:
            self._last[user_id] = items
            self._last.move_to_end(user_id)
            if len(self._last) > MOST:
                self._last.popitem(last=False)
        return items, "fresh"

    def _instead(self, user_id: str) -> tuple[Any, str]:
        with self._lock:
            items = self._last.get(user_id)
        quality = "default" if items is None else "stale"
        metrics.FALLBACKS.labels(self._reco.name).inc()
        line = {"event": "fallback", "neighbour": self._reco.name, "quality": quality}
        log.warning("%s recommendations for %s", quality, user_id, extra=line)
        return (DEFAULT if items is None else items), quality
