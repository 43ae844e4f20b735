"""What Friday measures of a stretch of its runs: calls in code beside attempts on the wire, and what visitors saw."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from lab.journal.event import FaultChange, Flow, Log
from lab.journal.window import Window, quantile

A_WHILE = 12.0
"""Seconds within which a job is done, even if its first holder dies."""
TENTH = 0.1
"""Seconds in which retries are counted together, to see whether they come in waves."""
BLOCKS = "·▁▂▃▄▅▆▇█"
LONG = 1000.0
"""Milliseconds beyond which a visitor calls a page slow."""


def requests(seen: Window) -> float:
    """Requests of visitors."""
    return len(seen.flows("client->*"))


def failed(seen: Window) -> float:
    """Visitors' requests without an answer, or with a 5xx."""
    return sum(map(_bad, seen.flows("client->*")))


def failed_percent(seen: Window) -> float:
    """So many of a hundred requests of visitors failed."""
    return round(100 * failed(seen) / max(1, requests(seen)), 1)


def calls(seen: Window) -> float:
    """Calls to users in the code of orders."""
    return len(_calls(seen, "users"))


def attempts(seen: Window) -> float:
    """Attempts of orders to reach users, as the tap saw them."""
    return len(seen.flows("orders->users"))


def amplification(seen: Window) -> float:
    """Attempts on the wire for each call in the code."""
    return attempts(seen) / max(1, calls(seen))


def together(seen: Window) -> float:
    """Retries in the busiest tenth of a second, over their mean."""
    tenths = _tenths(seen)
    return round(max(tenths) * len(tenths) / sum(tenths), 1) if tenths else 0


def quiet(seen: Window) -> float:
    """Of a hundred tenths of a second between the first retry and the last, in so many there was none."""
    tenths = _tenths(seen)
    return round(100 * tenths.count(0) / max(1, len(tenths)))


def waves(seen: Window) -> str:
    """The retries in each tenth of a second, as blocks."""
    tenths = _tenths(seen)
    return "".join(BLOCKS[-(-8 * count // max(tenths))] for count in tenths) or BLOCKS[0]


def refused(seen: Window) -> float:
    """Calls to users that the breaker did not let out."""
    return len([line for line in _calls(seen, "users") if line.data.get("outcome") == "open"])


def opened(seen: Window) -> float:
    """How often the breaker of users opened (a probe that failed counts, too)."""
    return sum(state == "open" for _, state in _states(seen))


def open_seconds(seen: Window) -> float:
    """Seconds for which the breaker of users was not closed."""
    changes = [*_states(seen), (seen.until, "")]
    return sum(until - since for (since, state), (until, _) in pairwise(changes) if state != "closed")


def path(seen: Window) -> str:
    """The states that the breaker of users went through, without repetition: `open → half-open → closed`; `closed` if
    it never opened."""
    found: list[str] = []
    for _, state in _states(seen):
        if state not in found:
            found.append(state)
    return " → ".join(found) or "closed"


def last_state(seen: Window) -> str:
    """In which state the breaker of users is at the end."""
    states = _states(seen)
    return states[-1][1] if states else "closed"


def shed(seen: Window) -> float:
    """Requests that the gateway refused because too many were under way."""
    return len(seen.logs("shed"))


def shed_ms(seen: Window) -> float:
    """Milliseconds that nine of ten refused requests took at most."""
    return quantile((flow.ms for flow in _homes(seen) if flow.status == "503"), 0.9)


def served_ms(seen: Window) -> float:
    """Milliseconds that nine of ten answered home pages took at most."""
    return quantile((flow.ms for flow in _homes(seen) if flow.status == "200"), 0.9)


def fallbacks(seen: Window) -> float:
    """Pages with stale or default recommendations, marked as such."""
    return len(seen.logs("fallback"))


def homes(seen: Window) -> str:
    """What home pages were: some `degraded`, some `failing`, or all `whole`."""
    if any(map(_bad, _homes(seen))):
        return "failing"
    return "degraded" if fallbacks(seen) else "whole"


def p99(seen: Window) -> float:
    """Milliseconds that 99 of 100 pages took at most, the report left out."""
    return quantile((flow.ms for flow in _pages(seen)), 0.99)


def hurt(seen: Window) -> float:
    """Of a hundred pages, the report left out, so many failed or took longer than a second."""
    pages = _pages(seen)
    return 100 * sum(_bad(flow) or (flow.ms or 0.0) > LONG for flow in pages) / max(1, len(pages))


def others(seen: Window) -> str:
    """What became of the other pages: `fast` or `hurt`."""
    return "hurt" if hurt(seen) > 20 else "fast"


def turned_away(seen: Window) -> float:
    """Reports that were refused: no slot was free, or too many requests were under way."""
    return sum(flow.status == "503" for flow in seen.flows("client->*", "GET /report"))


def orders(seen: Window) -> float:
    """Orders that were placed."""
    return len(_created(seen))


def twice(seen: Window) -> float:
    """Orders that are there a second time, though the visitor asked for one."""
    created = [line.correlation for line in _created(seen)]
    return len(created) - len(set(created))


def repeated(seen: Window) -> float:
    """Requests that came again under a key, and got the order that was there."""
    return len(seen.logs("repeated", "orders*"))


def torn(seen: Window) -> float:
    """Answers about a new order that gateway did not get whole."""
    return sum(
        flow.outcome == "error" for flow in seen.flows("gateway->orders", "POST /orders") if flow.status == "201"
    )


def culprit(seen: Window) -> str:
    """The kind and the place of the fault that was hidden, once it is told."""
    told = [event for event in seen.events if isinstance(event, FaultChange) and event.since is not None]
    return f"{told[-1].fault} {told[-1].aim}" if told else "nothing"


def jobs(seen: Window) -> float:
    """Jobs that were accepted."""
    return len(_jobs(seen, "queued"))


def taken_over(seen: Window) -> float:
    """Jobs that were taken a second time."""
    return sum(len(lines) > 1 for lines in _jobs(seen, "running").values())


def unfinished(seen: Window) -> float:
    """Jobs that were accepted a while ago, and have not come to an end."""
    old = {job for job, lines in _jobs(seen, "queued").items() if lines[0].t < seen.until - A_WHILE}
    return len(old - _jobs(seen, "succeeded").keys() - _jobs(seen, "failed").keys())


def doubled(seen: Window) -> float:
    """Jobs that ended more than once, or reports that two jobs have."""
    ended = _jobs(seen, "succeeded")
    results = [str(line.data.get("result")) for lines in ended.values() for line in lines[:1] if not _instead(line)]
    return sum(len(lines) > 1 for lines in ended.values()) + len(results) - len(set(results))


def held_job(seen: Window) -> str:
    """What became of the jobs: each `once`, some `twice` or some `lost`."""
    if unfinished(seen):
        return "lost"
    return "twice" if doubled(seen) else "once"


def _jobs(seen: Window, state: str) -> dict[str, list[Log]]:
    """The lines that tell of jobs in this state, by job."""
    found: dict[str, list[Log]] = {}
    for line in seen.logs("state", "jobs*"):
        if line.data.get("entity") == "job" and line.data.get("state") == state:
            found.setdefault(str(line.data.get("id")), []).append(line)
    return found


def _tenths(seen: Window) -> list[int]:
    """How many retries of orders went out to users in each tenth of a second, from the first to the last, for those
    requests that began in the first second."""
    attempts = sorted((flow.t - (flow.ms or 0.0) / 1000, flow.correlation) for flow in seen.flows("orders->users"))
    known, retries = set[str](), Counter[int]()
    for sent, request in attempts:
        if request in known:
            retries[int(sent / TENTH)] += 1
        elif sent < attempts[0][0] + 1:
            known.add(request)
    return [retries[tenth] for tenth in range(min(retries), max(retries) + 1)] if retries else []


def _created(seen: Window) -> list[Log]:
    return [line for line in seen.logs("state", "orders*") if line.data.get("entity") == "order"]


def _instead(line: Log) -> bool:
    return line.data.get("fallback") is True


def _calls(seen: Window, neighbour: str) -> list[Log]:
    source = "orders*" if neighbour == "users" else "gateway*"
    return [line for line in seen.logs("call", source) if line.data.get("neighbour") == neighbour]


def _states(seen: Window) -> list[tuple[float, str]]:
    lines = seen.logs("breaker", "orders*")
    return [(line.t, str(line.data.get("state"))) for line in lines if line.data.get("name") == "users"]


def _pages(seen: Window) -> list[Flow]:
    return [flow for flow in seen.flows("client->*") if flow.op != "GET /report"]


def _homes(seen: Window) -> list[Flow]:
    return seen.flows("client->*", "GET /home/*")


def _bad(flow: Flow) -> bool:
    return flow.outcome != "ok" or flow.status.startswith("5")
