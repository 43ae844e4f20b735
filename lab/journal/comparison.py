"""One run in a few figures that any system has, to be put beside those of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.journal.event import Event, FaultChange, Flow, Note, Process
from lab.journal.reach import Span, Visit, reach, slow_endpoint, spans_of, visit
from lab.journal.window import Window, quantile, window
from lab.locale import mark
from lab.system.model import CLIENT, System

AT_ONCE = 3.0
"""Seconds for which a fault counts that happens at once (a kill): a restart takes about that long."""

LABELS: Mapping[str, str] = {
    "units": mark("deploy units"),
    "requests": mark("visitors' requests"),
    "failed": mark("failed"),
    "p50": mark("p50, ms"),
    "p99": mark("p99, ms"),
    "calls": mark("internal calls per request"),
    "messages": mark("messages per request"),
    "calls_order": mark("internal calls per order"),
    "messages_order": mark("messages per order"),
    "store": mark("cache commands per request"),
    "radius": mark("blast radius, % of operations"),
    "recovery": mark("recovery, s"),
    "memory": mark("memory, MB"),
}
"""What each figure is called, in the order in which they are told."""
SELDOM = ("messages", "messages_order", "store")
"""What a system without a broker or a cache has none of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """`units` are programs of the system's own that are deployed apart. `calls`, `messages` and `store` are per request
    of a visitor: calls from service to service, messages handed to a broker, commands to a cache. Those per order are
    of requests that place, pay or cancel one, for each that was placed; None if none was.

    `radius` (percent) is how many of the visitors' operations became slow or failed: while a fault or a restart was
    there, else while a slow endpoint was asked. `recovery` are the seconds from the end of that to the last failure
    after it. Both are None if there was nothing of the kind, and `memory` (MB, of services) if nobody looked."""

    units: int
    requests: int
    failed: int
    p50: float
    p99: float
    calls: float
    messages: float
    store: float
    calls_order: float | None
    messages_order: float | None
    radius: float | None
    recovery: float | None
    memory: float | None = None


def figures(seen: Window, memory: float | None = None) -> Figures:
    """The figures of a stretch of a run; `memory` in MB, as somebody measured it."""
    services = {one.name for one in seen.system.services if one.role == "service"}
    flows = [event for event in seen.events if isinstance(event, Flow)]
    asked = [flow for flow in flows if flow.source == CLIENT and flow.role == "call"]
    inside = [flow for flow in flows if flow.source != CLIENT]
    calls = [flow for flow in inside if flow.role == "call" and _service(seen, flow.target) in services]
    messages = [flow for flow in inside if flow.role == "message"]
    visits = [visit(flow) for flow in asked]
    spans = _disturbed(seen)
    slow = "" if spans else slow_endpoint(visits)
    others = [one for one in visits if one.what != slow]
    reached = reach(others, spans or spans_of(visits, slow)) if spans or slow else None
    each = max(1, len(asked))
    return Figures(
        units=len(services),
        requests=len(asked),
        failed=sum(one.failed for one in visits),
        p50=quantile((flow.ms for flow in asked), 0.5),
        p99=quantile((flow.ms for flow in asked), 0.99),
        calls=len(calls) / each,
        messages=len(messages) / each,
        store=sum(flow.role == "call" and flow.protocol == "redis" for flow in inside) / each,
        calls_order=_per_order(asked, calls),
        messages_order=_per_order(asked, messages),
        radius=reached.percent if reached else None,
        recovery=_recovery(visits, spans) if spans else None,
        memory=memory,
    )


def of_run(system: System, events: Sequence[Event], memory: float | None = None) -> Figures:
    """The figures of a whole run: from when it was ready until it began to stop."""
    ready = next((one.t for one in events if isinstance(one, Note) and one.data.get("state") == "ready"), 0.0)
    ending = next((one.t for one in events if isinstance(one, Note) and one.data.get("state") == "stopping"), None)
    last = events[-1].t if events else 0.0
    return figures(window(system, events, ready, ending or last), memory)


def _per_order(asked: Sequence[Flow], inside: Sequence[Flow]) -> float | None:
    """How many of these belong to requests that change an order, for each order that was placed."""
    placed = sum(flow.op == "POST /orders" and flow.status[:1] == "2" for flow in asked)
    changing = {flow.correlation for flow in asked if flow.op.startswith("POST /orders")} - {""}
    return sum(flow.correlation in changing for flow in inside) / placed if placed else None


def _service(seen: Window, instance: str) -> str:
    service = seen.system.service(instance)
    return service.name if service else instance


def _disturbed(seen: Window) -> list[Span]:
    """When faults were there, and when a service of ours was being started again."""
    spans: dict[str, Span] = {}
    for event in seen.events:
        if isinstance(event, FaultChange):
            began, _ = spans.get(event.id, (event.t if event.since is None else event.since, event.t))
            if event.change == "added":
                spans[event.id] = began, seen.until
            elif event.change in ("healed", "expired"):
                spans[event.id] = began, max(event.t, began + AT_ONCE)
    return [*spans.values(), *_restarts(seen)]


def _restarts(seen: Window) -> list[Span]:
    found, down = list[Span](), dict[str, float]()
    for event in seen.events:
        if isinstance(event, Process) and seen.system.service(event.source):
            if event.state in ("stopping", "backoff"):
                down.setdefault(event.source, event.t)
            elif event.state == "ready" and event.source in down:
                found.append((down.pop(event.source), event.t))
    return found


def _recovery(visits: Sequence[Visit], spans: Sequence[Span]) -> float:
    over = max(ended for _, ended in spans)
    after = [one.t for one in visits if one.t > over and one.failed]
    return max(after) - over if after else 0.0
