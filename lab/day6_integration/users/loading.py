"""Reading users through the cache: from Redis, else from the database, one flight a user and never an old row over a
newer one."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from lab.day6_integration.calls import metrics
from lab.day6_integration.users.cache import Cache, CacheDown
from lab.day6_integration.users.flights import Flights
from lab.day6_integration.users.views import UserView

log = logging.getLogger(__name__)

Find = Callable[[str], UserView | None]


class Loading:
    """Cache-aside, with what Thursday taught: who read before a change may come back after it with the old row in his
    hands, so each looks, after he has put a copy into the cache, whether a change has come between.

    `find` reads the database; `slow` is how many seconds that takes longer than with SQLite beside us, which answers
    at once. Real ones are large, shared and elsewhere.
    """

    def __init__(self, cache: Cache, *, slow: float) -> None:
        self._cache = cache
        self._slow = slow
        self._flights = Flights[UserView | None]()
        self._changes = Counter[str]()

    def find(self, user_id: str, find: Find) -> UserView | None:
        """Raises what `find` raises; a cache that is away makes it slower, and that is all."""
        try:
            copy = self._cache.get(user_id)
        except CacheDown:
            metrics.FALLBACKS.labels("redis").inc()
            return self._flights.fetch(user_id, lambda: self._read(user_id, find))
        return copy or self._flights.fetch(user_id, lambda: self._load(user_id, find))

    def changed(self, user_id: str) -> None:
        """The copy goes, and so does every one that is on its way."""
        self._changes[user_id] += 1
        self._flights.part(user_id)
        self._cache.drop(user_id)

    def _load(self, user_id: str, find: Find) -> UserView | None:
        """One flight after the other: who missed the copy before the last one brought it would fly once more, and so
        looks again first."""
        before = self._changes[user_id]
        with suppress(CacheDown):
            if copy := self._cache.get(user_id):
                return copy
        user = self._read(user_id, find)
        if user is not None and self._changes[user_id] == before:
            self._cache.put(user)
            if self._changes[user_id] != before:
                self._cache.drop(user_id)
        return user

    def _read(self, user_id: str, find: Find) -> UserView | None:
        time.sleep(self._slow)
        log.info("user %s is read from the database", user_id, extra={"event": "database-read", "id": user_id})
        return find(user_id)
