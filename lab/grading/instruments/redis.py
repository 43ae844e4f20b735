"""Redis as a check sees it: redis-py on a connection of its own, past every tap."""

from __future__ import annotations

from typing import Any, Literal

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from lab.grading.checking.expect import CannotTell
from lab.locale import tr

PATIENCE = 2.0
"""Seconds for an answer; the grader's own questions are small."""


class Redis(redis.Redis):
    """redis-py's client, answers as bytes. Every command raises CannotTell if Redis is away or does not answer."""

    def __init__(self, url: str) -> None:
        # Library defaults would ask a frozen Redis for a minute.
        pool = redis.ConnectionPool.from_url(
            url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=Retry(NoBackoff(), 0)
        )
        super().__init__(connection_pool=pool)

    def execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise CannotTell(tr("Redis does not answer the grader: {error!r}", error=error)) from error

    def start_over(self) -> None:
        self.flushall()

    def keys_like(self, pattern: str) -> dict[str, float | None]:
        """The keys that match (`catalog:*`) and the seconds that each has to live; None: for ever."""
        found: dict[str, float | None] = {}
        for key in sorted(self.scan_iter(match=pattern, count=1000)):
            left = int(self.execute_command("PTTL", key))
            if left != -2:  # gone meanwhile
                found[key.decode("utf-8", "replace")] = None if left < 0 else left / 1000
        return found

    def garbage(self, key: str, kind: Literal["text", "list"] = "text") -> None:
        """Put a value under the key that is not as agreed: text that is not JSON, or a value of another type."""
        self.delete(key)
        if kind == "text":
            self.set(key, b"{not json")
        else:
            self.rpush(key, b"not", b"text")


def opened(url: str, *_: object) -> Redis:
    """See `lab.grading.instruments.Opener`."""
    return Redis(url)
