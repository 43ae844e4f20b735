"""The cache as a layer in front of the origin: the application asks it alone, and it answers for both.

read-through     what is missing the layer loads; a write goes to the origin, and the copy goes
write-through    a write goes to the origin, then into the cache, then it is answered
write-behind     a write goes into the cache and is answered; the origin hears of it later
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from threading import Event, Lock, Thread

from lab.day4_cache.catalog.cache import Cache
from lab.day4_cache.catalog.loading import Loading
from lab.day4_cache.catalog.origin import Origin, Product, Unavailable
from lab.day4_cache.catalog.strategies.aside import CacheAside
from lab.day4_cache.catalog.strategies.strategy import Found

BEHIND = 4.0
"""Seconds that a change waits for others of the same product, before the origin hears of it."""
LOOKS = 0.5

log = logging.getLogger(__name__)


class ReadThrough(CacheAside):
    """The steps are those of cache-aside. What differs is whose they are: the layer's, once for all applications that
    stand before it. On the wire one sees no difference."""


class WriteThrough(ReadThrough):
    """The first read after a write finds the new copy. Two writes of one product go one after the other: else the copy
    of the first could come after that of the second."""

    def __init__(self, cache: Cache, loading: Loading, origin: Origin) -> None:
        super().__init__(cache, loading, origin)
        self._one_by_one = Lock()

    def write(self, product_id: str, name: str, price: int) -> Product | None:
        with self._one_by_one:
            try:
                product = self._origin.write(product_id, name, price)
            except Unavailable:
                self._loading.invalidate(product_id)
                raise
            if product is not None:
                self._loading.replace(product)
            return product


@dataclass(frozen=True, slots=True)
class Unwritten:
    product: Product
    since: float


class WriteBehind(ReadThrough):
    """Fast, and the origin sees many changes of one product as one. What was answered and not written yet is in the
    memory of this process: if that dies, so do they."""

    def __init__(self, cache: Cache, loading: Loading, origin: Origin) -> None:
        super().__init__(cache, loading, origin)
        self._unwritten: dict[str, Unwritten] = {}
        self._lock = Lock()
        self._stopping = Event()
        self._writer = Thread(target=self._go_on, name="write-behind", daemon=True)

    def read(self, product_id: str) -> Found:
        waiting = self._unwritten.get(product_id)
        return Found(waiting.product, "hit") if waiting else super().read(product_id)

    def write(self, product_id: str, name: str, price: int) -> Product | None:
        known = self.read(product_id).product
        if known is None:
            return None
        with self._lock:
            waiting = self._unwritten.get(product_id)
            last = waiting.product if waiting else known
            product = last.model_copy(update={"name": name, "price": price, "version": last.version + 1})
            self._unwritten[product_id] = Unwritten(product, waiting.since if waiting else time.monotonic())
            self._loading.replace(product)
        return product

    def start(self) -> None:
        self._writer.start()

    def stop(self) -> None:
        """Write what waits: a process that is asked to stop loses nothing."""
        self._stopping.set()
        self._writer.join(timeout=5)
        self._write_those(older_than=0.0)

    def _go_on(self) -> None:
        while not self._stopping.wait(LOOKS):
            self._write_those(older_than=BEHIND)

    def _write_those(self, older_than: float) -> None:
        due = [(ident, each) for ident, each in list(self._unwritten.items()) if _age(each) >= older_than]
        for product_id, waiting in due:
            new = waiting.product
            try:
                self._origin.write(product_id, new.name, new.price, new.version)
            except Unavailable as error:
                log.warning("product %s stays unwritten: %s", product_id, error, extra={"dependency": "origin"})
                return
            with self._lock:
                if self._unwritten.get(product_id) is waiting:
                    del self._unwritten[product_id]


def _age(waiting: Unwritten) -> float:
    return time.monotonic() - waiting.since
