"""Redis' RESP, as a record."""

from __future__ import annotations

from lab.system.kinds import Protocol

PROTOCOL = Protocol(
    name="redis",
    carries="data",
    variable="REDIS_URL",
    url="redis://{address}",
    session="lab.wire.redis.session:RedisSession",
    op="(?!(POST|PUT|PATCH|DELETE|HEAD|OPTIONS)( |$))[^a-z/ ]*( |$)",  # modules add commands of their own
    example="GET user:*",
)
