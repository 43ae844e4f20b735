"""Copies of users in Redis, each with an end to its life. Redis may be gone or stand still: then there are none."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import TypeVar

import redis
from pydantic import ValidationError
from redis.backoff import NoBackoff
from redis.retry import Retry

from lab.day6_integration.calls.breaker import CircuitOpen, Failure
from lab.day6_integration.calls.breaking import breaker
from lab.day6_integration.users.views import UserView

JITTER = 0.2

T = TypeVar("T")

log = logging.getLogger(__name__)


class CacheDown(Exception):
    """The cache did not answer, or refused, or has not been asked, for it did not answer the others."""


class _NoAnswer(Failure):
    """What the breaker counts."""


class Cache:
    """`timeout` is for each answer of Redis. A breaker stands before it: while Redis stands still, only the first few
    wait for so long, and the others go to the database at once."""

    def __init__(self, url: str, *, ttl: float, timeout: float) -> None:
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),  # left to itself redis-py asks ten times more
            protocol=2,  # with 3 redis-py asks on each connection for notices of maintenance, an error on most servers
            driver_info=None,  # or each connection begins with two commands that say which library this is
            decode_responses=True,
        )
        self._ttl = ttl
        self._breaker = breaker("redis")
        self._doubted: set[str] = set()
        """Ids whose copies were to go while Redis was away; they go before anybody reads them."""

    def get(self, user_id: str) -> UserView | None:
        """The copy, if there is one that can be read: anybody can write into Redis. Raises CacheDown."""

        def ask() -> object:
            if user_id in self._doubted:
                self._redis.delete(_key(user_id))
                self._doubted.discard(user_id)
            return self._redis.get(_key(user_id))

        body = self._asked(ask)
        try:
            return None if body is None else UserView.model_validate_json(str(body))
        except ValidationError:
            return None

    def put(self, user: UserView) -> None:
        """Keep it for a while. If Redis does not take it, whatever it has is doubted."""
        px = round(self._ttl * random.uniform(1 - JITTER, 1 + JITTER) * 1000)
        try:
            self._asked(lambda: self._redis.set(_key(user.id), user.model_dump_json(), px=px))
        except CacheDown:
            self._doubted.add(user.id)

    def drop(self, user_id: str) -> None:
        """Keep nothing of it: now, or as soon as Redis is back."""
        try:
            self._asked(lambda: self._redis.delete(_key(user_id)))
        except CacheDown:
            self._doubted.add(user_id)

    def check(self) -> str | None:
        """What is wrong with the cache, if anything is."""
        try:
            self._asked(self._redis.ping)
        except CacheDown as error:
            return str(error)
        return None

    def close(self) -> None:
        self._redis.close()

    def _asked(self, ask: Callable[[], T]) -> T:
        """The answer of Redis. Raises CacheDown."""

        def guarded() -> T:
            try:
                return ask()
            except redis.RedisError as error:
                log.warning("the cache fails: %r", error, extra={"event": "cache-down"})
                raise _NoAnswer(repr(error)) from error

        try:
            return self._breaker.call(guarded)
        except CircuitOpen:
            raise CacheDown("the breaker of redis is open") from None
        except _NoAnswer as error:
            raise CacheDown(str(error)) from error


def _key(user_id: str) -> str:
    return f"user:{user_id}"
