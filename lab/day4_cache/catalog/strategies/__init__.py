"""The ways to keep a cache and an origin together, by name."""

from __future__ import annotations

from collections.abc import Callable

from lab.day4_cache.catalog.cache import Cache
from lab.day4_cache.catalog.loading import Loading
from lab.day4_cache.catalog.origin import Origin
from lab.day4_cache.catalog.strategies.aside import CacheAside, Hasty, Uncached
from lab.day4_cache.catalog.strategies.strategy import Strategy
from lab.day4_cache.catalog.strategies.through import ReadThrough, WriteBehind, WriteThrough

STRATEGIES: dict[str, Callable[[Cache, Loading, Origin], Strategy]] = {
    "none": Uncached,
    "cache-aside": CacheAside,
    "cache-aside-hasty": Hasty,
    "read-through": ReadThrough,
    "write-through": WriteThrough,
    "write-behind": WriteBehind,
}
