"""Faults: what is disturbed, for how long, and what it hit."""

from __future__ import annotations

from collections.abc import Sequence

from lab.dashboard import bars, detail
from lab.dashboard.panel import Panel, View
from lab.dashboard.rows import Row, clip, fit, row
from lab.faults.catalogue import KINDS, toll
from lab.journal.picture.fault import FaultPicture
from lab.locale import mark, tr

WHEN = max(len(tr(word)) for word in (mark("until healed"), mark("healed"), mark("expired"), mark("done")))
"""Columns for how long a fault still lasts."""


def _items(view: View) -> Sequence[FaultPicture]:
    return sorted(view.picture.faults.values(), key=lambda fault: (bool(fault.ended), -fault.since))


def fault_row(fault: FaultPicture, view: View, width: int) -> Row:
    left = fault.remaining(view.now)
    when = tr(fault.ended) or (tr("until healed") if left is None else tr("{left:.0f} s left", left=left))
    hit = toll(fault.kind, fault.victims) + (tr(" yet") if not fault.victims and not fault.ended else "")
    style = "dim" if fault.ended else "warn"
    return clip(
        row(
            (f" {'○' if fault.ended else '!'} {fit(fault.id, 4)} ", style),
            (fit(when, WHEN) + " ", style),
            (fault.text.replace("->", "→"), "text" if not fault.ended else "dim"),
            (f"  {hit}", "dim"),
            (tr("  by {owner}", owner=fault.owner) if fault.owner else "", "dim"),
            (tr("  last: {hit}", hit=fault.hits[-1]) if fault.hits and fault.hits[-1] else "", "dim"),
        ),
        width,
    )


def _empty(view: View) -> str:
    if view.picture.blind:
        return tr("Something is disturbed that is not told: find it by the metrics, the logs and the flows.")
    if not view.live:
        return tr("Nothing was disturbed up to this moment of the recording.")
    return tr("Nothing is disturbed. Select a link and press l for latency, or a process and k to kill it.")


def _detail(fault: FaultPicture, view: View) -> tuple[str, list[Row]]:
    kind = KINDS.get(fault.kind)
    left = fault.remaining(view.now)
    rows = detail.pairs(
        [
            (tr("fault"), fault.text),
            (tr("what"), tr(kind.summary) if kind else ""),
            (tr("client sees"), tr(kind.promise) if kind else ""),
            (tr("by"), fault.owner),
            (tr("began at"), f"{fault.since:.1f} s"),
            (
                tr("state"),
                tr(fault.ended) or (tr("until healed") if left is None else tr("active, {left:.0f} s left", left=left)),
            ),
            (tr("hit"), toll(fault.kind, fault.victims) + ("" if fault.ended else tr(" so far"))),
        ]
    )
    rows += [row((f" {'':<14} {hit}", "dim")) for hit in dict.fromkeys(fault.hits) if hit]
    return tr("fault {id}", id=fault.id), rows + _victims(fault, view)


def _victims(fault: FaultPicture, view: View) -> list[Row]:
    """What it did to the business: the verdict, the slowest, and what its hits belonged to."""
    rows: list[Row] = []
    verdict = view.picture.verdicts.of.get(fault.id)
    rows += detail.struck(fault, view)
    if verdict is not None and view.system.entities:
        rows += [(), *detail.pairs([(tr("verdict"), bars.verdict_words(verdict, view.picture))])]
        rows += detail.held_up(verdict, view)
    return rows


PANEL = Panel(
    name="faults",
    title=mark("faults"),
    help=tr("what is disturbed, and what it hit"),
    items=_items,
    identity=lambda fault: fault.id,
    row=fault_row,
    detail=_detail,
    empty=_empty,
    says=lambda view: row((tr("{count} active", count=len(view.picture.active_faults())), "dim")),
)
