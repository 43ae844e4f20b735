"""Products, read through the cache and written past it. However many miss a product at once, one of them loads it."""

from __future__ import annotations

import logging
import secrets
import time
from concurrent.futures import ThreadPoolExecutor

from catalog.cache import Cache, CacheDown, Copy, Entry
from catalog.flights import Flights
from catalog.origin import Origin, Product, Unavailable

POLL = 0.03
"""Seconds between two looks at what another instance is loading."""
AHEAD = 0.4
"""The share of CACHE_TTL_S before its end in which a copy that is asked for is loaded anew."""
REFRESHES = 4

log = logging.getLogger(__name__)


class Products:
    def __init__(self, origin: Origin, cache: Cache, *, cache_ttl: float, lock_ttl: float) -> None:
        self._origin = origin
        self._cache = cache
        self._ahead = AHEAD * cache_ttl
        self._lock_ttl = lock_ttl
        self._flights: Flights[Entry] = Flights()
        self._behind = ThreadPoolExecutor(REFRESHES, "refresh")

    def read(self, product_id: str) -> tuple[Product | None, str]:
        """The product or None, and whether that was a hit, a miss, or without the cache. Raises Unavailable."""
        try:
            copy = self._cache.recall(product_id)
        except CacheDown:
            return self._flights.join(product_id, lambda: self._load_alone(product_id)).product, "bypass"
        if copy is None:
            return self._flights.join(product_id, lambda: self._load(product_id)).product, "miss"
        if not self._is_fresh(copy):
            self._flights.launch(product_id, lambda: self._refresh(product_id, copy), self._behind)
        return copy.entry.product, "hit"

    def write(self, product_id: str, name: str, price: int) -> Product:
        """Raises Unavailable."""
        try:
            product = self._origin.write(product_id, name, price)
        except Unavailable:
            self._cache.forget(product_id)  # it may have been written all the same: what we do not know we do not keep
            raise
        else:
            # Not just forgotten: in an empty place a reader who is still on its way would put the old row.
            self._cache.remember(product_id, Entry(product))
            return product
        finally:
            self._flights.leave(product_id)

    def close(self) -> None:
        self._behind.shutdown(cancel_futures=True)

    def _is_fresh(self, copy: Copy) -> bool:
        return copy.entry.product is None or copy.left > self._ahead

    def _load(self, product_id: str) -> Entry:
        """As the only one among all instances, for as long as Redis lives and the loader does.

        The lock ends by itself, so nobody waits for the dead. Who has waited for as long as a lock lives asks without
        one: an answer is then nearer than another turn.
        """
        token = secrets.token_hex(8)
        until = time.monotonic() + self._lock_ttl
        try:
            while not self._cache.claim(product_id, token):
                if time.monotonic() > until:
                    return self._load_alone(product_id)
                time.sleep(POLL)
                copy = self._cache.recall(product_id)
                if copy is not None:
                    return copy.entry
            try:
                copy = self._cache.recall(product_id)
                if copy is not None and self._is_fresh(copy):
                    return copy.entry  # it was brought between our look and our turn
                entry = Entry(self._origin.read(product_id))
                self._cache.remember(product_id, entry)
                return entry
            finally:
                self._cache.give_back(product_id, token)
        except CacheDown:
            return self._load_alone(product_id)

    def _load_alone(self, product_id: str) -> Entry:
        """Without the cache's help: once in each process."""
        return Entry(self._origin.read(product_id))

    def _refresh(self, product_id: str, copy: Copy) -> Entry:
        """Nobody waits for this one, so a failure is no more than a line in the log: the copy lives on for a while."""
        try:
            return self._load(product_id)
        except Unavailable as error:
            log.warning("could not load %s anew: %s", product_id, error, extra={"dependency": "origin"})
            return copy.entry
