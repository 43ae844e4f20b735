"""Shapes of one system side by side: each is what visitors ask (`client -> monolith`, `client -> modular`) with what
stands behind it. What of their run and their code differs becomes lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lab.journal.event import Event, Flow, Process
from lab.journal.reach import Reach, Visit, reach, slow_endpoint, spans_of, visit
from lab.journal.window import quantile, worded
from lab.locale import tr
from lab.system.inside import Inside, drawn, inside
from lab.system.links import ends
from lab.system.model import CLIENT, System

KEPT = 4000
"""Requests of each shape that are remembered, the latest ones."""
WAITING = 500
"""Requests of visitors that are under way at most, of which calls are counted."""
DOWN = ("stopping", "backoff", "stopped")


@dataclass(slots=True)
class Shape:
    """What was seen of one. `orders` were placed, and `calls` were made for them from service to service; `gap` is the
    longest time in seconds for which it was down."""

    visits: deque[Visit] = field(default_factory=lambda: deque(maxlen=KEPT))
    orders: int = 0
    calls: int = 0
    gap: float | None = None
    down: float | None = None

    def copy(self) -> Shape:
        return replace(self, visits=deque(self.visits, KEPT))

    @property
    def slow(self) -> str:
        """Its slow endpoint; empty if there is none."""
        return slow_endpoint(self.visits)

    @property
    def blast(self) -> Reach | None:
        """What its slow endpoint did to the others."""
        if not (slow := self.slow):
            return None
        return reach((one for one in self.visits if one.what != slow), spans_of(self.visits, slow))


class Shapes:
    """The fold of events into shapes, by the name of the service that visitors ask."""

    def __init__(self) -> None:
        self.of: dict[str, Shape] = {}
        self._calls: dict[str, int] = {}
        self._told: tuple[int, list[Line]] = (-1, [])

    def apply(self, event: Event) -> None:
        """Take the event in."""
        if isinstance(event, Flow) and event.role == "call":
            self._call(event)
        elif isinstance(event, Process) and (shape := self.of.get(event.source)) is not None:
            if event.state in DOWN and shape.down is None:
                shape.down = event.t
            elif event.state == "ready" and shape.down is not None:
                shape.gap = max(shape.gap or 0.0, event.t - shape.down)
                shape.down = None

    def lines(self, system: System, now: float) -> list[Line]:
        """All that differs, worked out once a second at most: a screen asks ten times as often."""
        if self._told[0] != int(now):
            self._told = int(now), lines(self, system)
        return self._told[1]

    def copy(self) -> Shapes:
        other = Shapes()
        other.of = {name: shape.copy() for name, shape in self.of.items()}
        other._calls = dict(self._calls)
        return other

    def _call(self, flow: Flow) -> None:
        """Calls inside end before the request that they belong to."""
        source, target = ends(flow.link)
        if source != CLIENT:
            if flow.correlation and flow.protocol in ("http", "grpc"):
                self._calls[flow.correlation] = self._calls.get(flow.correlation, 0) + 1
                if len(self._calls) > WAITING:
                    del self._calls[next(iter(self._calls))]
            return
        shape = self.of.setdefault(target, Shape())
        seen = visit(flow)
        shape.visits.append(seen)
        calls = self._calls.pop(flow.correlation, 0)
        if " POST /orders" in seen.what and not seen.failed:
            shape.orders += seen.what.endswith(" POST /orders")
            shape.calls += calls


@dataclass(frozen=True, slots=True)
class Line:
    """What differs, in words by shape, and what it means; or a line of a drawing that belongs to the shape `of`."""

    label: str
    values: Mapping[str, str] = field(default_factory=dict)
    why: str = ""
    of: str = ""


def shapes(system: System) -> list[str]:
    """The services that visitors ask, each the front of one shape."""
    return list(dict.fromkeys(link.target for link in system.links if link.source == CLIENT))


def lines(found: Shapes, system: System) -> list[Line]:
    """All that differs: figures of the run first, then what the code says."""
    names = shapes(system)
    seen = {name: found.of.get(name) or Shape() for name in names}
    code = {name: code_of(system, name) for name in names}
    told = [
        Line(
            tr("deploy units"),
            {name: str(len(_behind(system, name))) for name in names},
            tr("programs that are built, deployed and restarted on their own"),
        ),
        Line(
            tr("half of the requests"),
            {name: _ms(_middle(shape)) for name, shape in seen.items()},
            tr("what half of the visitors' requests took at most; a wall between modules is a function call"),
        ),
        Line(
            tr("calls per order"),
            {name: worded(shape.calls / shape.orders) if shape.orders else "-" for name, shape in seen.items()},
            tr("calls over the network that placing an order and paying it took"),
        ),
        Line(
            tr("slow endpoint"),
            {name: _slow(shape) for name, shape in seen.items()},
            tr("an operation that takes far longer than the others, as the report does; side-by-side asks for that"),
        ),
        Line(
            tr("blast radius"),
            {name: _blast(shape.blast) for name, shape in seen.items()},
            tr(
                "other operations that became slow or failed while the slow one was under way, and how many times as "
                "long half of their requests took: all of them share one process"
            ),
        ),
        Line(
            tr("restart gap"),
            {name: f"{worded(shape.gap)} s" if shape.gap is not None else "-" for name, shape in seen.items()},
            tr(
                "the longest time from its stop until it was ready again: a deploy unit is down as a whole; "
                "R restarts the selected one"
            ),
        ),
        Line(
            tr("imports across walls"),
            {name: _walls(one) for name, one in code.items()},
            tr("● goes through what a module shows, ! around it, · there is none; a row imports, a column is imported"),
        ),
        Line(
            tr("functions over two tables"),
            {name: str(one.entangled) if one else "-" for name, one in code.items()},
            tr("functions that see the tables of users and of orders at once; each is in the way of a split"),
        ),
    ]
    for name, one in code.items():
        if one and one.modules:
            told += [Line(line, of=name) for line in drawn(one)]
    return told


def code_of(system: System, name: str) -> Inside | None:
    """The inside of the service, if it is ours."""
    service = system.service(name)
    if service is None or not service.module or service.dir:
        return None
    return inside(service.module)


def _behind(system: System, front: str) -> set[str]:
    """The services of the system's own that a shape is made of."""
    found, new = set[str](), {front}
    while new:
        found |= new
        new = {link.target for link in system.links if link.source in found} - found
    return {service.name for service in system.services if service.role == "service" and service.name in found}


def _middle(shape: Shape) -> float:
    return quantile((one.ms for one in shape.visits), 0.5)


def _ms(value: float) -> str:
    return f"{worded(value)} ms" if value else "-"


def _slow(shape: Shape) -> str:
    if not (slow := shape.slow):
        return "-"
    took = quantile((one.ms for one in shape.visits if one.what == slow), 0.5)
    return f"{slow.partition(' ')[2]} {worded(took / 1000)} s"


def _blast(found: Reach | None) -> str:
    if found is None:
        return "-"
    times = round(found.times) if found.times > 10 else found.times
    return tr("{hit} of {of}, ×{times}", hit=found.hit, of=found.of, times=worded(times))


def _walls(found: Inside | None) -> str:
    if found is None:
        return "-"
    if not found.modules:
        return tr("no walls")
    return tr("{count}, {around} around a face", count=len(found.imports), around=found.around)
