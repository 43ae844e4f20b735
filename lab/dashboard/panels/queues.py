"""Queues: what waits at the broker, and what its consumers hold."""

from __future__ import annotations

from collections.abc import Sequence

from lab.dashboard import detail, figures
from lab.dashboard.panel import Panel, View
from lab.dashboard.rows import Row, clip, fit, note, right, row, squeeze
from lab.journal.picture.queue import QueuePicture, Queues
from lab.locale import mark, tr
from lab.system.kinds import relays
from lab.system.links import ends

WIDE = 66
"""Columns from which consumers, redeliveries and the last minute fit."""


def _all(view: View) -> list[QueuePicture]:
    queues: Queues = view.fold
    return sorted(queues.by_name.values(), key=lambda queue: (queue.name.endswith(".dlq"), queue.name))


def _items(view: View) -> Sequence[QueuePicture]:
    """Those that were used; all of them while time stands still, or if none was."""
    known = _all(view)
    used = [queue for queue in known if not _idle(queue)]
    return known if view.held or not used else used


def folded(count: int) -> Row:
    """That so many are left out, because they were never used, and how to see them."""
    if not count:
        return ()
    return row((tr("{count} never used", count=count), "dim"), (" · Space", "key"), (tr(" shows all"), "dim"))


def _by_need(view: View) -> list[QueuePicture]:
    """What waits comes first where there is no room for all: dead letters, then the deepest."""
    named = _all(view)
    full = [queue for queue in named if queue.ready or queue.unacked]
    return [*full, *(queue for queue in named if queue not in full)]


def _heading(view: View, width: int) -> list[Row]:
    if not _all(view):
        return []
    more = right(tr("consumers"), 11) + right(tr("again"), 7) + "  " + tr("last minute") if width >= WIDE else ""
    return [row((f" {fit(tr('queue'), _name(width))} ready  unacked{more}", "dim"))]


def _name(width: int) -> int:
    return max(12, min(34, width - 18 - (32 if width >= WIDE else 0)))


def queue_row(queue: QueuePicture, view: View, width: int) -> Row:  # noqa: ARG001 - the shape of every row
    dead = queue.name.endswith(".dlq") and bool(queue.ready)
    waiting = "bad" if dead else "warn" if queue.ready else "text"
    line = row(
        (f" {squeeze(queue.name, _name(width))} ", "bad" if dead else "text"),
        (right("?" if queue.ready is None else figures.count(queue.ready), 5), waiting),
        (right(figures.count(queue.unacked), 9), "warn" if queue.unacked else "dim"),
    )
    if width < WIDE:
        return clip(line, width)
    peak = max([8, *queue.trend])
    none = queue.consumers == 0 and not queue.name.endswith((".dlq",)) and ".retry" not in queue.name
    return clip(
        line
        + row(
            (right("?" if queue.consumers is None else str(queue.consumers), 11), "warn" if none else "dim"),
            (right(figures.count(queue.redelivered), 7), "warn" if queue.redelivered else "dim"),
            ("  " + figures.spark(queue.trend, min(20, width - _name(width) - 37), peak), "dim"),
        ),
        width,
    )


def empty(view: View) -> str:
    if not any(relays(engine.kind) for engine in view.system.engines):
        return tr("This system has no message broker, so there are no queues.")
    return tr("No queue seen yet. Queues appear when a service declares or consumes one.")


def _detail(queue: QueuePicture, view: View) -> tuple[str, list[Row]]:  # noqa: ARG001 - the shape of every detail
    holders = ", ".join(f"{ends(link)[0]} {sum(held.values())}" for (link, _), held in queue.held.open.items() if held)
    return queue.name, detail.pairs(
        [
            ("ready", tr("the broker has not said yet") if queue.ready is None else queue.ready),
            ("unacked", f"{queue.unacked}  {f'({holders})' if holders else ''}"),
            (tr("consumers"), queue.consumers),
            (tr("delivered"), queue.delivered),
            (
                tr("again"),
                tr("{redelivered} of them were redelivered", redelivered=queue.redelivered)
                if queue.redelivered
                else "",
            ),
        ]
    )


def _side(view: View, width: int, height: int) -> list[Row]:
    known = _by_need(view)
    if not known:
        return note(empty(view), width)[:height]
    kept = [queue for queue in known if not _idle(queue)][: max(0, height - 2)]
    more = len(known) - len(kept)
    rest = [row((tr(" and {folded} more", folded=more), "dim"))] if more else []
    return [*_heading(view, width), *(queue_row(queue, view, width) for queue in kept), *rest]


def _idle(queue: QueuePicture) -> bool:
    """Whether it has never been used: a retry or dead-letter queue that only waits in case something goes wrong."""
    return not (queue.ready or queue.unacked or queue.consumers or queue.delivered)


PANEL = Panel(
    name="queues",
    title=mark("queues"),
    help=tr("what waits at the broker"),
    fold=Queues,
    items=_items,
    identity=lambda queue: queue.name,
    row=queue_row,
    detail=_detail,
    empty=empty,
    heading=_heading,
    says=lambda view: folded(len(_all(view)) - len(_items(view))),
    side=_side,
)
