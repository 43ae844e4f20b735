"""Cache-aside: the application asks the cache, then the origin, and tells the cache. To compare: no cache."""

from __future__ import annotations

from lab.day4_cache.catalog.cache import Cache, CacheDown
from lab.day4_cache.catalog.loading import Loading
from lab.day4_cache.catalog.origin import Origin, Product
from lab.day4_cache.catalog.strategies.strategy import Found


class Uncached:
    """Each request is the origin's."""

    def __init__(self, cache: Cache, loading: Loading, origin: Origin) -> None:  # noqa: ARG002 - as all strategies
        self._origin = origin

    def read(self, product_id: str) -> Found:
        return Found(self._origin.read(product_id), "bypass")

    def write(self, product_id: str, name: str, price: int) -> Product | None:
        return self._origin.write(product_id, name, price)

    def start(self) -> None:
        """Nothing goes on beside the requests."""

    def stop(self) -> None:
        """Nothing went on."""


class CacheAside:
    """Reads fill the cache, writes empty it: first the origin changes, then the copy goes."""

    def __init__(self, cache: Cache, loading: Loading, origin: Origin) -> None:
        self._cache = cache
        self._loading = loading
        self._origin = origin

    def read(self, product_id: str) -> Found:
        try:
            copy = self._cache.get(product_id)
        except CacheDown:
            return Found(self._loading.read(product_id), "bypass")
        if copy is not None:
            return Found(copy.product, "hit")
        return Found(self._loading.load(product_id), "miss")

    def write(self, product_id: str, name: str, price: int) -> Product | None:
        try:
            return self._origin.write(product_id, name, price)
        finally:
            self._loading.invalidate(product_id)  # after an error, too: perhaps it was written all the same

    def start(self) -> None:
        """Nothing goes on beside the requests."""

    def stop(self) -> None:
        """Nothing went on."""


class Hasty(CacheAside):
    """The same two steps of a write the other way round. It looks safer, and is not: who reads in between finds no
    copy, asks the origin, and keeps the old row as long as a copy lives."""

    def write(self, product_id: str, name: str, price: int) -> Product | None:
        self._loading.invalidate(product_id)
        return self._origin.write(product_id, name, price)
