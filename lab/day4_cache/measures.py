"""What Thursday measures of a stretch of its runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from lab.journal.event import FaultChange, Flow, Log
from lab.journal.staleness import Staleness, thing_of
from lab.journal.window import Window, quantile

ORIGIN = "catalog*->origin"
READ = "GET /products/*"
ON_ITS_WAY = 0.05
"""Seconds that a line may need from its service into the journal: what is closer together may have been at once."""
IN_STEP = 1.5
"""Seconds after which a write is in both regions, if they can reach each other."""
LONGEST_LIFE = 12.0
"""Seconds that a copy lives at most: its TTL and the jitter."""
SETTLED = 7.0
"""Seconds after which a change that was promised is at the origin, or never will be."""


def requests(seen: Window) -> float:
    """Requests of visitors."""
    return len(seen.flows("client->*"))


def failed(seen: Window) -> float:
    """Visitors' requests without an answer, or with a 5xx."""
    return sum(map(_failed, seen.flows("client->*")))


def throughput(seen: Window) -> float:
    """Visitors who were answered in a second, errors left out."""
    answered = sum(not _failed(flow) for flow in seen.flows("client->*"))
    return answered / seen.seconds if seen.seconds else 0.0


def p50(seen: Window) -> float:
    """Milliseconds that half of the visitors' reads took at most."""
    return quantile((flow.ms for flow in seen.flows("client->*", READ)), 0.5)


def p95(seen: Window) -> float:
    """Milliseconds that 95 of 100 of the visitors' reads took at most."""
    return quantile((flow.ms for flow in seen.flows("client->*", READ)), 0.95)


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


def overdue(seen: Window) -> float:
    """Stale answers of which not even the end of a copy's life can be the excuse: the change is longer ago."""
    versions, promised, found = Staleness(), dict[tuple[str, str], float](), 0
    for event in seen.events:
        if versions.stale(event):
            assert isinstance(event, Log)
            found += event.t - promised[thing_of(event)] > LONGEST_LIFE
        elif isinstance(event, Log) and event.event == "written":
            promised[thing_of(event)] = event.t
    return found


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


def newcomers(seen: Window) -> float:
    """Visitors who came in this stretch and know what became of it. Those before may have waited for long."""
    return len(_came(seen))


def newcomers_failed(seen: Window) -> float:
    """Those of them who got no answer, or a 5xx."""
    return sum(map(_failed, _came(seen)))


def newcomers_noticed(seen: Window) -> str:
    """Whether one of them saw an error: `yes` or `no`."""
    return "yes" if newcomers_failed(seen) else "no"


def reads(seen: Window) -> float:
    """Times that visitors looked at a user."""
    return len(seen.flows("client->*", "GET /users/*"))


def writes(seen: Window) -> float:
    """Times that visitors wrote a user."""
    return len(seen.flows("client->*", "PUT /users/*"))


def refused_reads(seen: Window) -> float:
    """Looks at a user that were refused, because the other region could not be asked."""
    return _refused(seen, "GET")


def refused_writes(seen: Window) -> float:
    """Writes of a user that were refused, because the other region could not be asked."""
    return _refused(seen, "PUT")


def told_stale(seen: Window) -> float:
    """Answers that said of themselves that they may be old."""
    return sum(line.data.get("told_stale") is True for line in seen.logs("read"))


def oldest(seen: Window) -> float:
    """Seconds of the other region's writes that may have been missing in an answer, at most."""
    return max((float(line.data.get("behind_s") or 0.0) for line in seen.logs("read")), default=0.0)


def outdated(seen: Window) -> float:
    """Answers that lacked a write which somebody had been promised before they were asked for, in whichever region."""
    found, promised = 0, defaultdict[str, dict[str, int]](dict)
    lines = [(line.t, line) for line in seen.logs("written")]
    lines += [(line.t - float(line.data.get("ms", 0.0)) / 1000 - ON_ITS_WAY, line) for line in seen.logs("read")]
    for _, line in sorted(lines, key=lambda at: at[0]):
        latest, versions = promised[str(line.data["id"])], _versions(line)
        if line.event == "written":
            latest[line.source] = versions[line.source]
        else:
            found += any(versions.get(region, 0) < count for region, count in latest.items())
    return found


def conflicts(seen: Window) -> float:
    """Users for whom both regions had taken a write without knowing of the other one's. Either region may find it."""
    return len({(line.data["id"], tuple(sorted(_versions(line).items()))) for line in seen.logs("conflict")})


def different(seen: Window) -> float:
    """Users of whom a region lacks a write that the other one took, those of the last moment left out."""
    return sum(arrived is None for told, arrived in _arrivals(seen) if told < seen.until - IN_STEP)


def converged(seen: Window) -> float:
    """Seconds from the end of the cut until all that was written before it was in both regions."""
    ends = [e.t for e in seen.events if isinstance(e, FaultChange) and e.change in ("healed", "expired")]
    if not ends:
        return 0.0
    late = [arrived - ends[-1] for told, arrived in _arrivals(seen) if told < ends[-1] and arrived is not None]
    return max([0.0, *late])


def cut_off(seen: Window) -> str:
    """What became of what visitors wanted to write in the other region than the primary's: `done` or `refused`."""
    return "refused" if _refused(seen, "PUT", "client->samarkand") else "done"


def _failed(flow: Flow) -> bool:
    return flow.outcome != "ok" or flow.status.startswith("5")


def _refused(seen: Window, method: str, link: str = "client->*") -> int:
    return sum(flow.status == "503" for flow in seen.flows(link, f"{method} /users/*"))


def _arrivals(seen: Window) -> Iterator[tuple[float, float | None]]:
    """Of each write: when it was promised, and when it was in the other region."""
    arrived = [line for line in seen.logs() if line.event in ("replicated", "conflict", "written")]
    for told in seen.logs("written"):
        count = _versions(told)[told.source]
        yield (
            told.t,
            next(
                (
                    line.t
                    for line in arrived
                    if line.source != told.source
                    and line.data["id"] == told.data["id"]
                    and _versions(line).get(told.source, 0) >= count
                ),
                None,
            ),
        )


def _versions(line: Log) -> dict[str, int]:
    """Of a line about a user: how many writes of each region are in it."""
    versions = line.data.get("versions")
    return dict(versions) if isinstance(versions, dict) else {}


def _came(seen: Window) -> list[Flow]:
    return [flow for flow in seen.flows("client->*") if flow.t - (flow.ms or 0.0) / 1000 >= seen.since]


def _asked(seen: Window) -> list[Flow]:
    return [flow for flow in seen.flows("catalog*->redis", "GET *") if flow.hit is not None]
