"""Throughput and latency over the load, measured of a run: a curve for each way in which the system was set up.

A scenario's step begins a curve (`curve.en = "3 instances"`), and each of its rates is a point of it, until a step ends
the curve (`curve = false`). A point is what the taps saw from a second after the rate began.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from lab.journal.bars import COLOURS
from lab.journal.event import Event, Flow, Note
from lab.journal.window import quantile, worded
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


WIDTH, HEIGHT, MARGIN = 420, 300, 56


def picture(found: Curves) -> str:
    """The curves as a self-contained SVG: throughput beside latency, each over the load."""
    charts = (
        (tr("answered in a second"), {name: [(one.rate, one.throughput) for one in found[name]] for name in found}),
        (tr("p95, ms"), {name: [(one.rate, one.p95) for one in found[name]] for name in found}),
    )
    legend = HEIGHT + 24 + 18 * (len(found) + 1)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}" height="{legend}" font-family="sans-serif"'
    rows = [f'{head} font-size="12">', '<rect width="100%" height="100%" fill="white"/>']
    for number, (label, lines) in enumerate(charts):
        rows += _chart(number * WIDTH, label, lines, diagonal=number == 0)
    for number, name in enumerate(found):
        y = HEIGHT + 20 + 18 * number
        rows.append(f'<rect x="{MARGIN}" y="{y - 9}" width="12" height="10" fill="{_colour(number)}"/>')
        rows.append(_text(MARGIN + 20, y, name))
    rows.append(_text(MARGIN, HEIGHT + 20 + 18 * len(found), tr("dotted line: everybody is answered")))
    return "\n".join([*rows, "</svg>", ""])


def _chart(left: float, label: str, lines: Mapping[str, Sequence[tuple[float, float]]], *, diagonal: bool) -> list[str]:
    """One chart at that place. With the diagonal one sees who is not answered: it is where everybody is."""
    points = [point for line in lines.values() for point in line]
    most_x, most_y = (max((point[axis] for point in points), default=1.0) or 1.0 for axis in (0, 1))
    width, height = WIDTH - MARGIN - 24, HEIGHT - 2 * 32

    def place(x: float, y: float) -> str:
        return f"{left + MARGIN + width * x / most_x:.1f},{32 + height * (1 - y / most_y):.1f}"

    rows = [_text(left + MARGIN, 20, label), _text(left + MARGIN + width - 90, HEIGHT - 4, tr("visitors a second"))]
    for share in (0.0, 0.5, 1.0):
        (x, y), (end, _) = (place(at, share * most_y).split(",") for at in (0.0, most_x))
        rows.append(f'<line x1="{x}" y1="{y}" x2="{end}" y2="{y}" stroke="#dddddd"/>')
        rows.append(_text(left + 6, float(y) + 4, worded(share * most_y)))
    rates = sorted({rate for rate, _ in points})
    rows += [_text(float(place(rate, 0).split(",")[0]) - 6, HEIGHT - 18, f"{rate:g}") for rate in rates]
    if diagonal:
        most = min(most_x, most_y)
        rows.append(f'<polyline points="{place(0, 0)} {place(most, most)}" stroke="#999999" stroke-dasharray="2 4"/>')
    for number, line in enumerate(lines.values()):
        corners = " ".join(place(*point) for point in line)
        rows.append(f'<polyline points="{corners}" fill="none" stroke="{_colour(number)}" stroke-width="2"/>')
        for point in line:
            x, y = place(*point).split(",")
            rows.append(f'<circle cx="{x}" cy="{y}" r="3.5" fill="{_colour(number)}"/>')
    return rows


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'
