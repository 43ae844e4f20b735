"""Redis, as a record."""

from __future__ import annotations

from lab.locale import mark
from lab.system.kinds import EngineKind

KIND = EngineKind(
    name="redis",
    protocols=("redis",),
    variable="LAB_REDIS_URL",
    schemes={"redis": 6379},
    tiers="lab.engines.redis.tiers",
    embedded="Valkey",
    caveat=(
        mark(
            "Valkey is the open fork of Redis 7.2, the same to clients; what Redis added since (its modules, "
            "vector sets) is not there, and one node shows no replica, failover or cluster"
        )
    ),
    native="apt install redis-server  |  brew install redis",
    remains=mark(
        "keys stay there after the run until their time is over; "
        "a database of its own keeps them apart: redis://host:port/5"
    ),
    clients=("redis",),
    instrument="lab.grading.instruments.redis:opened",
    container="lab.engines.redis.container:container",
)
