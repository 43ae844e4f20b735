"""Flows: what was seen on the wires, one line each, newest at the bottom. A busy run is sampled as it goes by."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from lab.dashboard import detail, figures, glyphs
from lab.dashboard.flow_filter import Test
from lab.dashboard.panel import Panel, View
from lab.dashboard.rows import Row, clip, fit, right, row
from lab.dashboard.sampling import Sample
from lab.journal import statuses
from lab.journal.event import FAILED, TRAFFIC, Event, Flow
from lab.locale import mark, tr
from lab.system.links import ends
from lab.system.model import CLIENT

RECENT = 5_000
WHEN, TOOK = 9, 8
"""Columns for when it was, and for how long it took."""
COPIED = 400
"""Flows that a snapshot keeps; more would hold on to a whole long run."""


class Flows:
    """The latest flows, and the sample of them that is shown while time goes on."""

    def __init__(self) -> None:
        self.recent: deque[Flow] = deque(maxlen=RECENT)
        self.sample = Sample()

    def apply(self, event: Event) -> None:
        if isinstance(event, Flow):
            self.recent.append(event)
            self.sample.take(event)

    def copy(self) -> Flows:
        other = Flows()
        other.recent.extend(list(self.recent)[-COPIED:])
        other.sample = self.sample.copy()
        return other

    def narrow(self, wanted: Test | None) -> None:
        """Sample only what matches, from the latest flows on."""
        self.sample = Sample(wanted)
        for flow in list(self.recent)[-COPIED:]:
            self.sample.take(flow)


def _items(view: View) -> Sequence[Flow]:
    flows: Flows = view.fold
    if not view.held:
        return list(flows.sample.lines)
    return [flow for flow in flows.recent if view.wanted is None or view.wanted(flow)]


def flow_row(flow: Flow, view: View, width: int) -> Row:
    """One flow on one line: when, where, what, how it went. What is asked gets all the room that the others leave."""
    place = flow.link.replace("->", "→")
    if flow.back:
        consumer, provider = ends(flow.link)
        place = f"{provider}→{consumer}"
    longest = max((len(link.source) + len(link.target) + 1 for link in view.system.links), default=len(place))
    wide = max(12, min(longest, width // 3))
    mark, style = _mark(flow)
    status = f" {flow.status}" if flow.status else ""
    mark = f" {mark}" if mark else ""
    took = right(figures.ms(flow.ms), TOOK) if flow.ms is not None else ""
    room = max(10, width - WHEN - wide - 1 - len(status) - len(mark) - len(took))
    quiet = "dim" if style == "text" and flow.role not in TRAFFIC else "text"
    return clip(
        row(
            (f"{flow.t:8.2f} ", "dim"),
            (fit(place, wide) + " ", "name" if quiet == "text" else "dim"),
            (fit(flow.op, room), quiet),
            (status, _status_style(flow)),
            (mark, style),
            (took, "dim"),
        ),
        width,
    )


def _mark(flow: Flow) -> tuple[str, str]:
    words = []
    if flow.outcome != "ok":
        words.append(f"{glyphs.OUTCOME[flow.outcome]} {tr(flow.outcome)}")
    if flow.redelivered:
        words.append(tr("↻ redelivered"))
    if flow.faults:
        words.append("!" + ",".join(flow.faults))
    style = "bad" if flow.outcome in FAILED else "warn" if words else "text"
    return " ".join(words), style


def _status_style(flow: Flow) -> str:
    if flow.failed:
        return "bad"
    return "warn" if flow.status[:1] == "4" or flow.status in statuses.FAILED else "dim"


def _empty(view: View) -> str:
    if view.filter_text and view.picture.flow_count:
        return tr(
            "Nothing matches the filter '{filter_text}'. / changes it, Esc clears it.", filter_text=view.filter_text
        )
    if view.picture.flow_count:
        return tr("No flow since. Nothing crosses the wires at the moment.")
    return tr("No flow yet: nothing has crossed a wire. The services may still be starting.")


def _says(view: View) -> Row:
    said = row((tr("filter: {filter_text}  ", filter_text=view.filter_text), "accent")) if view.filter_text else ()
    if view.held:
        return (*said, (tr("■ paused, all shown"), "warn"))
    flows: Flows = view.fold
    hidden, mostly = flows.sample.hidden(view.now)
    if hidden < 0.5:
        return said
    where = tr(", mostly {link}", link=mostly.replace("->", "→")) if mostly else ""
    return (
        *said,
        (tr("{rate} hidden", rate=figures.rate(hidden)), "dim"),
        (" · Space", "key"),
        (tr(" shows all"), "dim"),
        (where, "dim"),
    )


def _detail(flow: Flow, view: View) -> tuple[str, list[Row]]:
    return flow.op, detail.fields(flow) + detail.story_of(flow.correlation or flow.message, view)


def _side(view: View, width: int, height: int) -> list[Row]:
    """The latest requests from outside: what a person with curl wants to see."""
    flows: Flows = view.fold
    asked = [flow for flow in flows.recent if flow.source == CLIENT or not flow.source]
    if not asked:
        return []
    lines = [row((tr(" latest requests"), "title"))]
    for flow in asked[:-height:-1]:
        style = _mark(flow)[1]
        op_room = max(10, width - len(flow.status) - 10)
        line = row(
            (f" {fit(flow.op, op_room)} ", "text"),
            (f"{flow.status or flow.outcome} ", _status_style(flow) if style == "text" else style),
            (figures.ms(flow.ms), "dim"),
        )
        lines.append(clip(line, width))
    return lines


PANEL = Panel(
    name="flows",
    title=mark("flows"),
    help=tr("what was seen on the wires"),
    fold=Flows,
    items=_items,
    identity=lambda flow: flow.seq,
    row=flow_row,
    detail=_detail,
    empty=_empty,
    says=_says,
    side=_side,
    stream=True,
)
