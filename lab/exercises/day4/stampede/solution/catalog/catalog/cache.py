"""Copies of products in Redis: each one lives for a while, and never takes the place of a newer one.

Redis may be gone, stand still or refuse: then there is no copy, and the copies that it was not told of are doubted.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import redis
from prometheus_client import Counter
from pydantic import ValidationError
from redis.backoff import NoBackoff
from redis.retry import Retry

from catalog.doubts import Doubts
from catalog.origin import Product

RIVALS = 5
"""How often a write is tried anew because somebody else wrote the key meanwhile."""
JITTER = 0.2
ON_ITS_WAY = 5.0
"""Seconds in which a copy that was being written when a doubt arose has arrived, or never will."""
NOTHING = b"null"
"""The copy of a product that there is not."""

ERRORS = Counter("cache_errors", "Questions that the cache did not answer.", ["operation"])

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the origin said of an id; `product` is None where there is no such product."""

    product: Product | None

    @property
    def version(self) -> int:
        return self.product.version if self.product else 0


@dataclass(frozen=True, slots=True)
class Copy:
    """An entry that Redis holds, and the seconds for which it still will."""

    entry: Entry
    left: float


class CacheDown(Exception):
    """The cache did not answer, or refused."""


class Cache:
    def __init__(self, url: str, ttl: float, negative_ttl: float, timeout: float, lock_ttl: float) -> None:
        """Lifetimes in seconds: that of a product, that of the knowledge that there is none, and that of a lock.

        `timeout` is for one answer of Redis. Left to itself the library would wait 5 s, and in some versions ask again
        for a minute: a fallback is as fast as the failure that it waits for. Nothing is asked here, so Redis may come
        up later.
        """
        self._ttl = ttl
        self._negative_ttl = negative_ttl
        self._lock_ttl = lock_ttl
        self._redis = redis.Redis.from_url(
            url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0)
        )
        self._doubts = Doubts(ttl * (1 + JITTER) + ON_ITS_WAY)
        self._down = False

    def recall(self, product_id: str) -> Copy | None:
        """What is known of the product; None: ask the origin. Raises CacheDown."""
        key = _key(product_id)
        with self._asking("recall"), self._redis.pipeline(transaction=False) as pipe:
            body, left = pipe.get(key).pttl(key).execute(raise_on_error=False)
            entry = _read(body)
        if entry is None or self._doubts.about(product_id, entry.version):
            return None
        return Copy(entry, left / 1000)

    def remember(self, product_id: str, entry: Entry) -> None:
        """Keep it, unless what is kept is newer: whoever asked the origin first may come back last, with an old answer.

        If that fails, whatever is kept and older is doubted.
        """
        if self._doubts.about(product_id, entry.version):
            return
        try:
            with self._asking("remember"):
                self._put(_key(product_id), entry)
        except CacheDown:
            self._doubts.raise_about(product_id, entry.version)

    def forget(self, product_id: str) -> None:
        """Keep nothing of it. If that fails, whatever is kept is doubted."""
        try:
            with self._asking("forget"):
                self._redis.delete(_key(product_id))
        except CacheDown:
            self._doubts.raise_about(product_id, math.inf)

    def claim(self, product_id: str, token: str) -> bool:
        """Whether the lock of the product is ours from now on. It ends by itself, set and limited in one command: who
        holds it may die. Raises CacheDown."""
        with self._asking("claim"):
            return bool(self._redis.set(_lock(product_id), token, nx=True, px=round(self._lock_ttl * 1000)))

    def give_back(self, product_id: str, token: str) -> None:
        """Remove the lock if it is still ours: if we took longer than it lives, it is another's by now."""
        key = _lock(product_id)
        try:
            with self._asking("give_back"), self._redis.pipeline() as pipe:
                pipe.watch(key)
                if pipe.get(key) == token.encode():
                    pipe.multi()
                    pipe.delete(key)
                    pipe.execute()
        except (redis.WatchError, CacheDown):
            pass  # it is another's, or ends by itself

    def check(self) -> str | None:
        """What is wrong with the cache, if anything is."""
        try:
            with self._asking("ping"):
                self._redis.ping()
        except CacheDown as error:
            return str(error)
        return None

    def close(self) -> None:
        self._redis.close()

    def _put(self, key: str, entry: Entry) -> None:
        """WATCH makes looking and writing one step: if somebody writes the key in between, EXEC does nothing."""
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
        self._redis.delete(key)

    def _lifetime(self, entry: Entry) -> int:
        """Milliseconds. Not the same for all: what is written together should not expire together."""
        seconds = self._ttl * random.uniform(1 - JITTER, 1 + JITTER) if entry.product else self._negative_ttl
        return max(1, round(seconds * 1000))

    @contextmanager
    def _asking(self, operation: str) -> Iterator[None]:
        """Whatever Redis does wrong in the block is counted and becomes CacheDown; log lines say when it began and
        when it was over, however many requests lie between."""
        try:
            yield
        except redis.WatchError:
            raise  # Redis is well: somebody was quicker
        except redis.RedisError as error:
            ERRORS.labels(operation).inc()
            if not self._down:
                self._down = True
                log.warning("the cache fails, the origin takes over: %r", error, extra={"dependency": "redis"})
            raise CacheDown(repr(error)) from error
        if self._down and operation == "remember":
            self._down = False
            log.info("the cache is back", extra={"dependency": "redis"})


def _key(product_id: str) -> str:
    return f"catalog:product:{product_id}"


def _lock(product_id: str) -> str:
    return f"catalog:lock:{product_id}"


def _held(client: redis.Redis, key: str) -> Entry | None:
    """What is under the key."""
    try:
        return _read(client.get(key))
    except redis.ResponseError as error:
        return _read(error)


def _read(body: bytes | Exception | None) -> Entry | None:
    """What Redis answered to a GET. Anybody can write there: what cannot be read is no copy of anything."""
    if isinstance(body, Exception):
        if not str(body).startswith("WRONGTYPE"):
            raise body
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
