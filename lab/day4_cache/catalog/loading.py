"""From the origin into the cache: one flight a product, and never an old row over a newer one."""

from __future__ import annotations

from collections import Counter

from lab.day4_cache.catalog.cache import Cache
from lab.day4_cache.catalog.flights import Flights
from lab.day4_cache.catalog.origin import Origin, Product


class Loading:
    """Who asked the origin before a change may come back after it, with the old row in his hands. So each looks, after
    he has put a copy into the cache, whether a change has come between; if so the copy goes again.

    It knows of the changes of this process. Where there are several, the short life of a copy is the net below.
    """

    def __init__(self, cache: Cache, origin: Origin, *, single_flight: bool) -> None:
        self._cache = cache
        self._origin = origin
        self._flights = Flights[Product | None](single=single_flight)
        self._changes = Counter[str]()

    def load(self, product_id: str) -> Product | None:
        """The origin's word, which is kept. Raises Unavailable."""
        return self._flights.fetch(product_id, lambda: self._load(product_id))

    def read(self, product_id: str) -> Product | None:
        """The origin's word, while there is nothing to keep it in. Raises Unavailable."""
        return self._flights.fetch(product_id, lambda: self._origin.read(product_id))

    def invalidate(self, product_id: str) -> None:
        """The copy goes, and so does every one that is on its way."""
        self._overtake(product_id)
        self._cache.drop(product_id)

    def replace(self, product: Product) -> None:
        """The copy becomes this one, and none that is on its way comes after it."""
        self._overtake(product.id)
        self._cache.put(product.id, product)

    def _overtake(self, product_id: str) -> None:
        self._changes[product_id] += 1
        self._flights.part(product_id)

    def _load(self, product_id: str) -> Product | None:
        before = self._changes[product_id]
        product = self._origin.read(product_id)
        if self._changes[product_id] == before:
            self._cache.put(product_id, product)
            if self._changes[product_id] != before:
                self._cache.drop(product_id)
        return product
