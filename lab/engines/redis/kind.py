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
    embedded="fakeredis",
    caveat=(
        mark(
            "fakeredis keeps nothing over a restart, evicts nothing, and its speed and memory are not "
            "those of Redis; commands off the beaten path may be missing"
        )
    ),
    native="apt install redis-server  |  brew install redis",
    server=("redis", "fakeredis"),
    instrument="lab.grading.instruments.redis:opened",
)
