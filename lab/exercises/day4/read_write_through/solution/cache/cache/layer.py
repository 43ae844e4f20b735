"""The layer: it alone knows the origin, and keeps its copies equal to it.

A write is announced in Redis before it goes to the origin. Whatever happens then (the origin fails, its answer is lost,
this process dies), no copy from before it is shown: there is a new one, or a mark that sends readers to the origin.
"""

from __future__ import annotations

import logging
from contextlib import suppress

from cache.origin import Origin, Product
from cache.store import Known, Store, StoreDown
from cache.turns import Flights, Turns

log = logging.getLogger(__name__)


class Layer:
    def __init__(self, origin: Origin, store: Store) -> None:
        self._origin = origin
        self._store = store
        self._loads: Flights[Product | None] = Flights()
        self._writes = Turns()

    def read(self, product_id: str) -> Product | None:
        """Raises Unavailable."""
        try:
            known = self._store.get(product_id)
        except StoreDown as error:
            log.warning("no use of copies: %s", error, extra={"dependency": "redis"})
            return self._origin.read(product_id)
        if isinstance(known, Product):
            return known
        if known is Known.IN_DOUBT:
            return self._origin.read(product_id)
        return self._loads.join(product_id, lambda: self._load(product_id))

    def write(self, product_id: str, name: str, price: int) -> Product:
        """In the origin, in the cache, and only then done. Raises Unavailable, and StoreDown if nothing was written.

        One after the other: answers of the origin may overtake each other, and the last to come would be kept.
        """
        with self._writes.of(product_id):
            self._store.mark(product_id)
            product = self._origin.write(product_id, name, price)
            try:
                self._store.put(product)
            except StoreDown as error:  # the mark stands
                log.warning("written, and no copy left: %s", error, extra={"dependency": "redis"})
            return product

    def _load(self, product_id: str) -> Product | None:
        with suppress(StoreDown):
            known = self._store.get(product_id)
            if isinstance(known, Product):
                return known  # it was brought between our look and our turn
        product = self._origin.read(product_id)
        if product is not None:
            try:
                self._store.add(product)
            except StoreDown as error:
                log.warning("no copy is left: %s", error, extra={"dependency": "redis"})
        return product
