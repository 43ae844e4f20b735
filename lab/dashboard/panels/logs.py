"""Logs: what the processes write; of the selected one only, if a process is selected."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from lab.dashboard import detail
from lab.dashboard.flow_filter import Test
from lab.dashboard.panel import Panel, View
from lab.dashboard.rows import Row, clip, fit, row
from lab.journal.event import Event, Log
from lab.locale import mark, tr

RECENT = 2_000
COPIED = 200
"""Lines that a snapshot keeps."""

LEVELS = {"error": "bad", "critical": "bad", "warning": "warn", "warn": "warn", "debug": "dim"}


class Logs:
    """The latest lines."""

    def __init__(self) -> None:
        self.recent: deque[Log] = deque(maxlen=RECENT)

    def apply(self, event: Event) -> None:
        if isinstance(event, Log):
            self.recent.append(event)

    def copy(self) -> Logs:
        other = Logs()
        other.recent.extend(list(self.recent)[-COPIED:])
        return other

    def narrow(self, wanted: Test | None) -> None:
        """All lines are kept, so a filter has nothing to prepare."""


def _items(view: View) -> Sequence[Log]:
    logs: Logs = view.fold
    who = _who(view)
    return [log for log in logs.recent if (not who or log.source == who) and (view.wanted is None or view.wanted(log))]


def _who(view: View) -> str:
    return view.selection if view.selection in view.picture.processes else ""


def log_row(log: Log, view: View, width: int) -> Row:  # noqa: ARG001 - the shape of every row
    style = LEVELS.get(log.level.lower(), "text")
    extra = " ".join(f"{key}={value}" for key, value in log.data.items() if value and key in ("id", "reason", "code"))
    return clip(
        row(
            (f"{log.t:8.2f} ", "dim"),
            (fit(log.source, 14) + " ", "name"),
            (fit(log.level, 7) + " ", style if style != "text" else "dim"),
            (log.message or log.event, style),
            (f"  {extra}" if extra else "", "dim"),
            (f"  {log.correlation}" if log.correlation and width >= 100 else "", "dim"),
        ),
        width,
    )


def _empty(view: View) -> str:
    logs: Logs = view.fold
    if not logs.recent:
        return tr("No process has written a line yet.")
    if view.filter_text:
        return tr(
            "Nothing matches the filter '{filter_text}'. / changes it, Esc clears it.", filter_text=view.filter_text
        )
    return tr(
        "{selection} has not written a line yet. Select a link to see everybody's lines.", selection=view.selection
    )


def _says(view: View) -> Row:
    said = row((tr("filter: {filter_text}  ", filter_text=view.filter_text), "accent")) if view.filter_text else ()
    if view.held:
        return (*said, (tr("■ paused, all shown"), "warn"))
    return (*said, (tr("of {who}", who=_who(view) or tr("all")), "dim"))


def _detail(log: Log, view: View) -> tuple[str, list[Row]]:
    said = [row((f" {log.message or log.event}", "text")), ()]
    pairs = detail.pairs([(tr("level"), log.level), (tr("event"), log.event), *log.data.items()])
    return tr("{source} says", source=log.source), said + pairs + detail.story_of(log.correlation, view)


PANEL = Panel(
    name="logs",
    title=mark("logs"),
    help=tr("what the processes say; of the selected one only, if it is a process"),
    fold=Logs,
    items=_items,
    identity=lambda log: log.seq,
    row=log_row,
    detail=_detail,
    empty=_empty,
    says=_says,
    stream=True,
)
