"""Copies of products in Redis: each one lives for a while, and never takes the place of a newer one."""

from __future__ import annotations

import random
from dataclasses import dataclass

import redis
from pydantic import ValidationError
from redis.backoff import NoBackoff
from redis.retry import Retry

from catalog.origin import Product

TIMEOUT = 2.0
"""Seconds for one answer of Redis; exercise 4.3 says why the library is not left to itself."""
RIVALS = 5
"""How often a write is tried anew because somebody else wrote the key meanwhile."""
NOTHING = b"null"
"""The copy of a product that there is not."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the origin said of an id; `product` is None where there is no such product."""

    product: Product | None

    @property
    def version(self) -> int:
        return self.product.version if self.product else 0


class Cache:
    def __init__(self, url: str, ttl: float, negative_ttl: float) -> None:
        """Lifetimes in seconds: that of a product, and that of the knowledge that there is none."""
        self._ttl = ttl
        self._negative_ttl = negative_ttl
        self._redis = redis.Redis.from_url(
            url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=Retry(NoBackoff(), 0)
        )

    def recall(self, product_id: str) -> Entry | None:
        """What is known of the product; None: ask the origin."""
        return _held(self._redis, _key(product_id))

    def remember(self, product_id: str, entry: Entry) -> None:
        """Keep it, unless what is kept is newer: whoever asked the origin first may come back last, with an old answer.

        WATCH makes looking and writing one step: if somebody writes the key in between, EXEC does nothing.
        """
        key = _key(product_id)
        for _ in range(RIVALS):
            with self._redis.pipeline() as pipe:
                try:
                    pipe.watch(key)
                    held = _held(pipe, key)
                    if held is not None and held.version > entry.version:
                        return
                    pipe.multi()
                    pipe.set(key, _body(entry), px=self._lifetime(entry))
                    pipe.execute()
                    return
                except redis.WatchError:
                    continue
        self.forget(product_id)

    def forget(self, product_id: str) -> None:
        self._redis.delete(_key(product_id))

    def close(self) -> None:
        self._redis.close()

    def _lifetime(self, entry: Entry) -> int:
        """Milliseconds. Not the same for all: what is written together should not expire together."""
        seconds = self._ttl * random.uniform(0.8, 1.2) if entry.product else self._negative_ttl
        return max(1, round(seconds * 1000))


def _key(product_id: str) -> str:
    return f"catalog:product:{product_id}"


def _held(client: redis.Redis, key: str) -> Entry | None:
    """What is under the key. Anybody can write into Redis: what cannot be read is no copy of anything."""
    try:
        body = client.get(key)
    except redis.ResponseError as error:
        if not str(error).startswith("WRONGTYPE"):
            raise
        return None
    if body is None:
        return None
    if body == NOTHING:
        return Entry(None)
    try:
        return Entry(Product.model_validate_json(body))
    except ValidationError:
        return None


def _body(entry: Entry) -> bytes:
    return entry.product.model_dump_json().encode() if entry.product else NOTHING
