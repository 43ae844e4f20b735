"""Copies of products in Redis, each with an end to its life. Redis may be gone or stand still: then there are none."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis
from pydantic import ValidationError
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

from lab.day4_cache.catalog.origin import Product

JITTER = 0.2
NOTHING = "null"
"""The copy of a product that there is not."""

_QUIET: dict[str, Any] = {
    "protocol": 2,  # with 3 redis-py asks on each connection for notices of maintenance, an error on most servers
    "driver_info": None,  # or each connection begins with two commands that say which library this is
    "decode_responses": True,
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Copy:
    """What the origin once said; `product` is None where there is no such product."""

    product: Product | None


class CacheDown(Exception):
    """The cache did not answer, or refused."""


class Cache:
    """`timeout` (seconds) is for each answer of Redis, which is asked once. A fallback is as fast as the failure that
    it waits for."""

    def __init__(self, url: str, *, ttl: float, negative_ttl: float, jitter: bool, timeout: float | None) -> None:
        self._redis = _default(url) if timeout is None else _bounded(url, timeout)
        self._ttl = ttl
        self._negative_ttl = negative_ttl
        self._jitter = JITTER if jitter else 0.0
        self._doubted: set[str] = set()
        """Ids whose copies were to go while Redis was away; they go before anybody reads them."""

    def get(self, product_id: str) -> Copy | None:
        """The copy, if there is one. Raises CacheDown."""
        with self._asking():
            if product_id in self._doubted:
                self._redis.delete(_key(product_id))
                self._doubted.discard(product_id)
            body = self._redis.get(_key(product_id))
        return None if body is None else _copy(str(body))

    def put(self, product_id: str, product: Product | None) -> None:
        """Keep it for a while; of what does not exist only where that is switched on, and shortly. If Redis does not
        take it, whatever it has is doubted."""
        ttl = self._ttl * random.uniform(1 - self._jitter, 1 + self._jitter) if product else self._negative_ttl
        if not ttl:
            return
        body = product.model_dump_json() if product else NOTHING
        try:
            with self._asking():
                self._redis.set(_key(product_id), body, px=round(ttl * 1000))
        except CacheDown:
            self._doubted.add(product_id)

    def drop(self, product_id: str) -> None:
        """Keep nothing of it: now, or as soon as Redis is back."""
        try:
            with self._asking():
                self._redis.delete(_key(product_id))
        except CacheDown:
            self._doubted.add(product_id)

    def check(self) -> str | None:
        """What is wrong with the cache, if anything is."""
        try:
            with self._asking():
                self._redis.ping()
        except CacheDown as error:
            return str(error)
        return None

    def close(self) -> None:
        self._redis.close()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except redis.RedisError as error:
            log.warning("the cache fails: %r", error, extra={"event": "cache-down"})
            raise CacheDown(repr(error)) from error


def _bounded(url: str, timeout: float) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0), **_QUIET
    )


def _default(url: str) -> redis.Redis:
    """What redis-py 8 does if nobody says anything: it waits 5 s and asks ten times more, with up to 1 s between, so
    that a frozen Redis is given up after a minute. (`from_url` alone would wait 5 s and ask once.)"""
    return redis.Redis(**parse_url(url), **_QUIET)  # type: ignore[no-untyped-call]


def _key(product_id: str) -> str:
    return f"catalog:product:{product_id}"


def _copy(body: str) -> Copy | None:
    """Anybody can write into Redis: what cannot be read is no copy of anything."""
    if body == NOTHING:
        return Copy(None)
    try:
        return Copy(Product.model_validate_json(body))
    except ValidationError:
        return None
