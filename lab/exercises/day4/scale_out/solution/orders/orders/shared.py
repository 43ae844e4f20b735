"""Redis, where all instances keep what must be the same for all of them."""

from __future__ import annotations

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT = 2.0
"""Seconds for an answer of Redis. The defaults of redis-py would wait for a minute."""

Redis = redis.Redis


def connect(url: str) -> Redis:
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )
