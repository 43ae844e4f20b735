"""What Thursday measures of a stretch of its runs."""

from __future__ import annotations

from lab.journal.event import Flow
from lab.journal.staleness import Staleness, thing_of
from lab.journal.window import Window, quantile

ORIGIN = "catalog*->origin"
READ = "GET /products/*"
SETTLED = 7.0
"""Seconds after which a change that was promised is at the origin, or never will be."""


def requests(seen: Window) -> float:
    """Requests of visitors."""
    return len(seen.flows("client->*"))


def failed(seen: Window) -> float:
    """Visitors' requests without an answer, or with a 5xx."""
    return sum(flow.outcome != "ok" or flow.status.startswith("5") for flow in seen.flows("client->*"))


def throughput(seen: Window) -> float:
    """Visitors who were answered in a second, errors left out."""
    answered = [flow for flow in seen.flows("client->*", outcome="ok") if not flow.status.startswith("5")]
    return len(answered) / seen.seconds if seen.seconds else 0.0


def p50(seen: Window) -> float:
    """Milliseconds that half of the visitors' reads took at most."""
    return quantile((flow.ms for flow in seen.flows("client->*", READ)), 0.5)


def p99(seen: Window) -> float:
    """Milliseconds that 99 of 100 of the visitors' reads took at most."""
    return quantile((flow.ms for flow in seen.flows("client->*", READ)), 0.99)


def longest(seen: Window) -> float:
    """Seconds that the catalog's slowest read took, whether somebody still waited for it or not."""
    return max((float(line.data["ms"]) for line in seen.logs("read", "catalog*")), default=0.0) / 1000


def slow_read(seen: Window) -> float:
    """Milliseconds that half of the origin's reads took at most."""
    return quantile((flow.ms for flow in seen.flows(ORIGIN, READ)), 0.5)


def lookups(seen: Window) -> float:
    """How often the cache was asked, and answered."""
    return len(_asked(seen))


def misses(seen: Window) -> float:
    """How often the cache had nothing."""
    return sum(not flow.hit for flow in _asked(seen))


def hit_ratio(seen: Window) -> float:
    """How many of a hundred questions the cache could answer."""
    asked = _asked(seen)
    return round(100 * sum(flow.hit is True for flow in asked) / len(asked)) if asked else 0.0


def origin_reads(seen: Window) -> float:
    """Reads that reached the origin."""
    return len(seen.flows(ORIGIN, READ))


def reads_per_miss(seen: Window) -> float:
    """Reads of the origin for each time that the cache had nothing."""
    missed = misses(seen)
    return origin_reads(seen) / missed if missed else 0.0


def ghost_reads(seen: Window) -> float:
    """Reads of the origin for what does not exist."""
    return sum(flow.status == "404" for flow in seen.flows(ORIGIN, READ))


def rush_reads(seen: Window) -> float:
    """Reads of the origin for the product of the front page."""
    return len(seen.flows(ORIGIN, "GET /products/1"))


def looked(seen: Window) -> float:
    """Visitors who asked for the product of the front page."""
    return len(seen.flows("client->*", "GET /products/1"))


def written(seen: Window) -> float:
    """Changes that visitors were promised."""
    return len(seen.logs("written", "catalog*"))


def stale(seen: Window) -> float:
    """Answers that were older than what somebody had been promised before they were asked for."""
    versions = Staleness()
    return sum(versions.stale(event) for event in seen.events)


def lost_writes(seen: Window) -> float:
    """Changes that were promised and never reached the origin, nor did a later one of the same product."""
    stored = dict[tuple[str, str], int]()
    for line in seen.logs("stored", "origin"):
        stored[thing_of(line)] = max(stored.get(thing_of(line), 0), int(line.data["version"]))
    promised = [line for line in seen.logs("written", "catalog*") if line.t < seen.until - SETTLED]
    return sum(int(line.data["version"]) > stored.get(thing_of(line), 0) for line in promised)


def noticed(seen: Window) -> str:
    """Whether a visitor saw an error: `yes` or `no`."""
    return "yes" if failed(seen) else "no"


def _asked(seen: Window) -> list[Flow]:
    return [flow for flow in seen.flows("catalog*->redis", "GET *") if flow.hit is not None]
