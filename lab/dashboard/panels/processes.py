"""Processes: the state of each, its use of the machine, and the reason."""

from __future__ import annotations

from lab.dashboard import detail, figures, glyphs
from lab.dashboard.map_view import PROCESS_STYLE
from lab.dashboard.panel import Panel, View
from lab.dashboard.rows import Row, clip, fit, right, row
from lab.journal.picture.process import ProcessPicture
from lab.locale import mark, tr

HEADING = row(
    (f" {fit(tr('process'), 17)} {fit(tr('state'), 12)} {right('pid', 7)} {right('cpu', 5)} {right('mem', 5)}", "dim"),
    (right(tr("since"), 7) + "  " + tr("why"), "dim"),
)


def process_row(process: ProcessPicture, view: View, width: int) -> Row:
    style = PROCESS_STYLE.get(process.state, "warn")
    vitals = view.vitals.get(process.name)
    why = process.reason
    if process.restarts:
        why = tr("restarted {restarts}×{more}", restarts=process.restarts, more=f"; {why}" if why else "")
    for name, how in process.breakers.items():
        why = tr("breaker {name} {how}{more}", name=name, how=how, more=f"; {why}" if why else "")
    if process.role != "service" and not why:
        why = process.tier or process.role
    return clip(
        row(
            (f" {fit(process.name, 17)} ", "strong"),
            (fit(f"{glyphs.STATE.get(process.state, '?')} {tr(process.state)}", 12) + " ", style),
            (right(str(process.pid or "-"), 7), "text"),
            (right(f"{vitals.cpu:.0f}%" if vitals else "-", 6), "dim"),
            (right(figures.size(vitals.rss) if vitals else "-", 6), "dim"),
            (right(figures.age(view.now - process.since), 7) + "  ", "dim"),
            (why, "dim" if style == "ok" else style),
        ),
        width,
    )


PANEL = Panel(
    name="processes",
    title=mark("processes"),
    help=tr("state, pid, reason"),
    items=lambda view: list(view.picture.processes.values()),
    identity=lambda process: process.name,
    row=process_row,
    detail=detail.of_process,
    empty=lambda _: tr("No process has reported yet: the runtime is still starting."),
    heading=lambda view, width: [clip(HEADING, width)],  # noqa: ARG005 - the shape of every heading
    picks=lambda process: process.name,
)
