"""Throughput and latency over the load, measured of a run: a curve for each way in which the system was set up.

A scenario's step begins a curve (`curve.en = "3 instances"`), and each of its rates is a point of it, until a step ends
the curve (`curve = false`). A point is what the taps saw from a second after the rate began.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lab.journal.event import Event, Flow, Note
from lab.journal.window import quantile
from lab.locale import tr
from lab.system.model import CLIENT

CURVE = "curve"
"""The topic of the notes that say where a point begins."""
SETTLE = 1.0
"""Seconds of a rate that are left out: what is seen then belongs to the rate before."""


@dataclass(frozen=True, slots=True)
class Point:
    """What became of visitors who came at a `rate` (1/s): how many were answered in a second, how long half of the
    answers took at most, and 95 of 100 of them (ms), and how many visitors got none, or a 5xx."""

    rate: float
    throughput: float
    p50: float
    p95: float
    failed: int


Curves = Mapping[str, Sequence[Point]]
"""The points of each curve, in the order in which they were measured."""


def curves(events: Iterable[Event]) -> Curves:
    """The curves that a run's scenario has measured; none if it asks for none."""
    seen = list(events)
    found: dict[str, list[Point]] = {}
    curve, rate, since = "", 0.0, 0.0
    for note in seen:
        if not isinstance(note, Note) or not (note.topic == CURVE or note.data.get("over")):
            continue
        if curve and rate and note.t > since + SETTLE:
            found.setdefault(curve, []).append(_point(rate, seen, since + SETTLE, note.t))
        curve, rate, since = note.data.get("curve", ""), note.data.get("rate") or 0.0, note.t
    return found


def _point(rate: float, events: Iterable[Event], since: float, until: float) -> Point:
    flows = [
        event for event in events if isinstance(event, Flow) and event.source == CLIENT and since <= event.t <= until
    ]
    answered = [flow.ms for flow in flows if not flow.failed]
    seconds = max(until - since, 0.001)
    return Point(
        rate=rate,
        throughput=len(answered) / seconds,
        p50=quantile(answered, 0.5),
        p95=quantile(answered, 0.95),
        failed=len(flows) - len(answered),
    )


Corners = Mapping[str, Sequence[tuple[float, float]]]
"""The line of each curve: values over the load."""


def charts(found: Curves) -> Sequence[tuple[str, Corners]]:
    """What is drawn of curves, each with its label: throughput, then latency."""
    return (
        (tr("answered in a second"), {name: [(one.rate, one.throughput) for one in found[name]] for name in found}),
        (tr("p95, ms"), {name: [(one.rate, one.p95) for one in found[name]] for name in found}),
    )
