"""One run in a few figures that any system has, to be put beside those of another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from lab.journal.event import FaultChange, Flow
from lab.journal.operation import operation
from lab.journal.window import Window, quantile
from lab.locale import mark
from lab.system.model import CLIENT

SLOW = 3.0
"""An operation is hit by a fault if half of its requests take so many times as long as without, or some fail."""

LABELS: Mapping[str, str] = {
    "units": mark("deploy units"),
    "requests": mark("visitors' requests"),
    "failed": mark("failed"),
    "p50": mark("p50, ms"),
    "p99": mark("p99, ms"),
    "calls": mark("internal calls per request"),
    "messages": mark("messages per request"),
    "store": mark("cache commands per request"),
    "radius": mark("operations hit by a fault, %"),
    "recovery": mark("recovery after a fault, s"),
    "memory": mark("memory, MB"),
}
"""What each figure is called, in the order in which they are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """`units` are programs of the system's own that are deployed apart. `calls`, `messages` and `store` are per request
    of a visitor: calls from service to service, messages handed to a broker, commands to a cache. `radius` (percent) is
    how many of the visitors' operations a fault hit, `recovery` the seconds from the last fault's end to the last
    failure after it; both are None if there was no fault, and `memory` (MB, of services) if nobody looked."""

    units: int
    requests: int
    failed: int
    p50: float
    p99: float
    calls: float
    messages: float
    store: float
    radius: float | None
    recovery: float | None
    memory: float | None = None


def figures(seen: Window, memory: float | None = None) -> Figures:
    """The figures of a stretch of a run; `memory` in MB, as somebody measured it."""
    services = {one.name for one in seen.system.services if one.role == "service"}
    flows = [event for event in seen.events if isinstance(event, Flow)]
    visits = [flow for flow in flows if flow.source == CLIENT and flow.role == "call"]
    inside = [flow for flow in flows if flow.source != CLIENT]
    each = max(1, len(visits))
    return Figures(
        units=len(services),
        requests=len(visits),
        failed=sum(map(_failed, visits)),
        p50=quantile((flow.ms for flow in visits), 0.5),
        p99=quantile((flow.ms for flow in visits), 0.99),
        calls=sum(flow.role == "call" and _service(seen, flow.target) in services for flow in inside) / each,
        messages=sum(flow.role == "message" for flow in inside) / each,
        store=sum(flow.role == "call" and flow.protocol == "redis" for flow in inside) / each,
        radius=_radius(seen, visits),
        recovery=_recovery(seen, visits),
        memory=memory,
    )


def _failed(flow: Flow) -> bool:
    return flow.outcome not in ("ok", "late", "duplicate") or flow.status[:1] == "5"


def _service(seen: Window, instance: str) -> str:
    service = seen.system.service(instance)
    return service.name if service else instance


def _faults(seen: Window) -> list[tuple[float, float]]:
    """When faults were there; one that happens at once (a kill) counts for the seconds that a restart takes."""
    spans: dict[str, tuple[float, float]] = {}
    for event in seen.events:
        if isinstance(event, FaultChange):
            began, _ = spans.get(event.id, (event.t, event.t))
            if event.change == "added":
                spans[event.id] = began, seen.until
            elif event.change in ("healed", "expired"):
                spans[event.id] = began, max(event.t, began + 3.0)
    return list(spans.values())


def _radius(seen: Window, visits: list[Flow]) -> float | None:
    spans = _faults(seen)
    if not spans:
        return None
    during, without = defaultdict[str, list[Flow]](list), defaultdict[str, list[Flow]](list)
    for flow in visits:
        hit = any(began <= flow.t <= ended for began, ended in spans)
        (during if hit else without)[f"{flow.target} {operation(flow.op)}"].append(flow)
    struck = sum(_struck(flows, without[operation]) for operation, flows in during.items())
    return 100.0 * struck / len(during) if during else 0.0


def _struck(during: list[Flow], without: list[Flow]) -> bool:
    usual = quantile((flow.ms for flow in without), 0.5)
    slow = usual and quantile((flow.ms for flow in during), 0.5) > SLOW * usual
    return any(map(_failed, during)) or bool(slow)


def _recovery(seen: Window, visits: list[Flow]) -> float | None:
    spans = _faults(seen)
    if not spans:
        return None
    over = max(ended for _, ended in spans)
    after = [flow.t for flow in visits if flow.t > over and _failed(flow)]
    return max(after) - over if after else 0.0
