"""What Redis keeps of products: a copy, or the mark that one is being written."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto

import redis
from pydantic import ValidationError
from redis.backoff import NoBackoff
from redis.retry import Retry

from cache.origin import Product

JITTER = 0.2
MARK = b"writing"


class Known(Enum):
    NOTHING = auto()
    IN_DOUBT = auto()
    """Somebody is writing it, or was when he died: the origin may be newer than any copy."""


class StoreDown(Exception):
    """Redis did not answer, or refused."""


class Store:
    def __init__(self, url: str, *, ttl: float, doubt: float, timeout: float) -> None:
        """Seconds: the life of a copy, that of a mark, and those that an answer of Redis may take.

        A mark outlives the longest write, so that after it nothing is on its way to the origin any more.
        """
        self._ttl = ttl
        self._doubt = doubt
        self._redis = redis.Redis.from_url(
            url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0)
        )

    def get(self, product_id: str) -> Product | Known:
        """Raises StoreDown."""
        with _asking():
            body = self._redis.get(_key(product_id))
        if body is None:
            return Known.NOTHING
        if body == MARK:
            return Known.IN_DOUBT
        try:
            return Product.model_validate_json(body)
        except ValidationError:
            return Known.IN_DOUBT  # not by us

    def mark(self, product_id: str) -> None:
        """From here on nobody believes or leaves a copy, until it is put or the mark ends. Raises StoreDown."""
        with _asking():
            self._redis.set(_key(product_id), MARK, px=round(self._doubt * 1000))

    def put(self, product: Product) -> None:
        """What the origin has just stored. Raises StoreDown."""
        with _asking():
            self._redis.set(_key(product.id), product.model_dump_json(), px=self._lifetime())

    def add(self, product: Product) -> None:
        """What was read. It takes no place but an empty one: there may be a newer copy by now, or a mark. Raises
        StoreDown."""
        with _asking():
            self._redis.set(_key(product.id), product.model_dump_json(), px=self._lifetime(), nx=True)

    def close(self) -> None:
        self._redis.close()

    def _lifetime(self) -> int:
        return round(self._ttl * random.uniform(1 - JITTER, 1 + JITTER) * 1000)


def _key(product_id: str) -> str:
    return f"cache:product:{product_id}"


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise StoreDown(repr(error)) from error
