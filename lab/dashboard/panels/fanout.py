"""Fan-out: for each request of a visitor the calls that it caused, as many and as long as they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from lab.dashboard import figures
from lab.dashboard.panel import Panel, View
from lab.dashboard.rows import Row, clip, fit, right, row
from lab.journal.event import Event, Flow
from lab.journal.operation import operation
from lab.locale import mark, tr
from lab.system.links import ends, link_id
from lab.system.model import CLIENT

KEPT = 200
"""Requests that are remembered, the latest ones."""
MOST = 100
"""Calls of one request that are drawn; the others are counted."""
ANSWER = "amq.rabbitmq.reply-to"
"""How the routing keys of answers begin that go straight back to who asked."""
SENT, ANSWERED = mark("sent"), mark("answered")
MANY = 10
"""So many calls for one request are worth a second look."""


@dataclass(slots=True)
class Request:
    """A visitor's request and the calls inside it, in the order in which they ended."""

    flow: Flow | None = None
    calls: list[Flow] = field(default_factory=list)
    count: int = 0
    asked: dict[str, int] = field(default_factory=dict)
    """Questions through a broker that wait for their answer: by the link that they went out on, which of the calls."""

    def copy(self) -> Request:
        return Request(self.flow, self.calls[:], self.count, dict(self.asked))

    def add(self, call: Flow) -> None:
        self.count += 1
        if len(self.calls) < MOST:
            self.calls.append(call)


class Fanout:
    """The fold of calls into the requests that caused them, by correlation. A call ends before the request that it
    belongs to, so it waits here for it."""

    def __init__(self) -> None:
        self.of: dict[str, Request] = {}

    def apply(self, event: Event) -> None:
        """Take in a call between services, or a message by which one asks another; what is asked of stores is none."""
        if not isinstance(event, Flow) or not event.correlation:
            return
        if event.role in ("message", "delivery"):
            if (asking := self.of.get(event.correlation)) is not None or not event.back:
                self._message(event, asking or self._request(event.correlation))
            return
        if event.protocol not in ("http", "grpc"):
            return
        found = self._request(event.correlation)
        if ends(event.link)[0] == CLIENT:
            found.flow = event
        else:
            found.add(event)

    def _request(self, correlation: str) -> Request:
        found = self.of.get(correlation)
        if found is None:
            if len(self.of) >= KEPT:
                del self.of[next(iter(self.of))]
            found = self.of[correlation] = Request()
        return found

    def _message(self, event: Flow, request: Request) -> None:
        """A message is a call that takes until its answer is delivered, where one comes; an answer is none itself."""
        if event.role == "message":
            if not event.routing_key.startswith(ANSWER):
                if len(request.calls) < MOST:
                    request.asked[event.link] = len(request.calls)
                request.add(replace(event, ms=0.0, status=SENT))
        elif (place := request.asked.get(event.link)) is not None:  # back at who asked
            asked = request.calls[place]
            began = _began(asked) / 1000
            request.calls[place] = replace(asked, t=event.t, ms=(event.t - began) * 1000, status=ANSWERED)
            del request.asked[event.link]
        else:
            for link, place in request.asked.items():
                asked = request.calls[place]
                if asked.message and asked.message == event.message:
                    request.calls[place] = replace(asked, link=link_id(ends(link)[0], ends(event.link)[0]))

    def copy(self) -> Fanout:
        other = Fanout()
        other.of = {correlation: request.copy() for correlation, request in self.of.items()}
        return other


FIGURES = 29
"""Cells that the figures of a row take."""
BAR = 16
"""Cells of a bar on the page of a request."""


def _asked(width: int) -> int:
    """Cells that there are for what was asked for."""
    return max(16, min(28, (width - FIGURES) // 3))


def _strip(request: Request, width: int) -> str:
    """The request's time from left to right: a cell bears the first letter of the service that was called then, of
    calls inside each other the inner one, and a dot where the asked one worked itself."""
    flow = request.flow
    if flow is None or width <= 0:
        return ""
    span = flow.ms or 0.0
    cells = ["·"] * width
    for call in sorted(request.calls, key=_began):
        first = _cell(_began(call) - _began(flow), span, width)
        last = _cell((call.t - flow.t) * 1000 + span, span, width)
        cells[first : last + 1] = ends(call.link)[1][0] * (last + 1 - first)
    return "".join(cells)


def _cell(ms: float, span: float, width: int) -> int:
    return max(0, min(width - 1, int(ms / span * width))) if span else 0


def _began(flow: Flow) -> float:
    """In ms since the run's start."""
    return flow.t * 1000 - (flow.ms or 0.0)


def _heading(_: View, width: int) -> list[Row]:
    words = f" {fit(tr('asked for'), _asked(width))} {right(tr('status'), 8)}{right(tr('took'), 9)}"
    return [clip(row((f"{words}{right(tr('calls'), 9)}  {tr('who was called when')}", "dim")), width)]


def _items(view: View) -> Sequence[Request]:
    found: Fanout = view.fold
    ended = [(request.flow.t, request) for request in found.of.values() if request.flow]
    return [request for _, request in sorted(ended, key=lambda pair: pair[0], reverse=True)]


def _row(request: Request, _: View, width: int) -> Row:
    flow = request.flow
    assert flow is not None
    return clip(
        row(
            (f" {fit(operation(flow.op), _asked(width))} ", "strong"),
            (right(flow.status or flow.outcome, 8), "bad" if flow.failed else "ok"),
            (right(figures.ms(flow.ms) or "-", 9), "text"),
            (right(f"{request.count}×", 9), "warn" if request.count >= MANY else "text"),
            ("  " + _strip(request, width - _asked(width) - FIGURES - 2), "name"),
        ),
        width,
    )


def _detail(request: Request, _: View) -> tuple[str, list[Row]]:
    flow = request.flow
    assert flow is not None
    lines = [row((f" {tr('calls')}: {request.count}", "text")), ()]
    for call in (flow, *sorted(request.calls, key=_began)):
        began = max(0.0, _began(call) - _began(flow))
        lines.append(
            row(
                (f" {right('+' + (figures.ms(began) or '0'), 8)} {right(figures.ms(call.ms) or '-', 8)} ", "text"),
                ("│", "dim"),
                (_bar(call, flow), "bad" if call.failed else "name"),
                ("│ ", "dim"),
                (f"{call.link}  ", "name"),
                (f"{operation(call.op)} ", "strong"),
                (tr(call.status or call.outcome), "bad" if call.failed else "ok"),
            )
        )
    return f"{operation(flow.op)}  {figures.ms(flow.ms) or ''}", lines


def _bar(call: Flow, whole: Flow) -> str:
    """When the call went on, as a bar in the time that the whole request took."""
    span = whole.ms or 0.0
    first = _cell(_began(call) - _began(whole), span, BAR)
    last = _cell((call.t - whole.t) * 1000 + span, span, BAR)
    return " " * first + "█" * (last + 1 - first) + " " * (BAR - 1 - last)


def _side(view: View, width: int, height: int) -> list[Row]:
    """The latest, in short."""
    return [
        clip(row((f" {right(f'{request.count}×', 5)} ", "text"), operation(request.flow.op)), width)
        for request in _items(view)[:height]
        if request.flow
    ]


PANEL = Panel(
    name="fanout",
    title=mark("fan-out"),
    help=tr("the calls that each request of a visitor caused; Enter shows them as bars in time"),
    fold=Fanout,
    items=_items,
    identity=lambda request: request.flow.correlation,
    row=_row,
    detail=_detail,
    empty=lambda _: tr("No visitor has asked for anything yet."),
    heading=_heading,
    side=_side,
    picks=lambda request: request.flow.link,
)
