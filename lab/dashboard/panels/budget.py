"""Error budget: how much of it is spent, and which fault spent it."""

from __future__ import annotations

from collections.abc import Sequence

from lab.dashboard.panel import Panel, View
from lab.dashboard.rows import Row, clip, fit, right, row
from lab.journal.budget import AFTERMATH, SOON, Budget, Spent, words
from lab.locale import mark, tr

FIGURES = 35
"""Cells of the columns with figures."""
BAR = 20


def _items(view: View) -> Sequence[Spent]:
    found: Budget = view.fold
    rest = found.of[""]
    return [*found.faults, *([rest] if rest.bad else [])]


def _bar(found: Budget) -> Row:
    """The budget as a bar: what is spent, and what is left."""
    percent = found.percent(found.bad)
    cells = min(BAR, round(BAR * percent / 100))
    tone = "bad" if percent > 100 else "warn" if percent > 50 else "ok"
    return row((" ", "text"), ("█" * cells, tone), ("░" * (BAR - cells), "dim"), (f" {percent:.0f}%", tone))


def _label(width: int) -> int:
    return max(20, width - FIGURES - 2)


def _heading(view: View, width: int) -> list[Row]:
    found: Budget = view.fold
    heads = (right(tr("asked"), 9), right(tr("errors"), 8), right(tr("slow"), 8), right(tr("spent"), 10))
    return [
        clip(row((f" {words(found)}", "title")), width),
        clip(_bar(found), width),
        clip(row((fit("   " + tr("fault"), _label(width)) + "".join(heads), "dim")), width),
    ]


def _row(spent: Spent, view: View, width: int) -> Row:
    found: Budget = view.fold
    tone = "bad" if spent.bad else "ok"
    text = f"{spent.fault} {spent.text}" if spent.fault else tr("no fault")
    return clip(
        row(
            (f" {'✗' if spent.bad else '✓'} ", tone),
            (fit(text, _label(width) - 3), "text"),
            (right(str(spent.requests), 9), "text"),
            (right(str(spent.failed or "-"), 8), "bad" if spent.failed else "dim"),
            (right(str(spent.slow or "-"), 8), "warn" if spent.slow else "dim"),
            (right(f"{found.percent(spent.bad):.0f}%" if spent.bad else "-", 10), tone if spent.bad else "dim"),
        ),
        width,
    )


def _detail(spent: Spent, view: View) -> tuple[str, list[Row]]:
    found: Budget = view.fold
    noticed = tr("visitors noticed it") if spent.bad else tr("no visitor noticed it")
    rows = [
        row((f" {noticed}", "bad" if spent.bad else "ok")),
        row(
            (
                " "
                + tr(
                    "{requests} requests meanwhile: {failed} failed, {slow} took longer than {soon:.0f} ms",
                    requests=spent.requests,
                    failed=spent.failed,
                    slow=spent.slow,
                    soon=SOON,
                ),
                "text",
            )
        ),
        row((f" {tr('{percent:.0f}% of the budget', percent=found.percent(spent.bad))}", "text")),
        row((f" {tr('on {shown} of {bad} bad ones the wire shows it', shown=spent.shown, bad=spent.bad)}", "text")),
        (),
        row(
            (
                " "
                + tr(
                    "A request belongs to the fault that the wire shows on it; else to the latest that stood then, or "
                    "had ended less than {seconds:.0f} s before.",
                    seconds=AFTERMATH,
                ),
                "dim",
            )
        ),
    ]
    return (f"{spent.fault} {spent.text}" if spent.fault else tr("no fault")), rows


def _side(view: View, width: int, height: int) -> list[Row]:
    found: Budget = view.fold
    worst = sorted(found.faults, key=lambda spent: spent.bad, reverse=True)[: max(0, height - 1)]
    return [
        clip(_bar(found), width),
        *(clip(row((f" {right(str(one.bad), 4)} ", "bad" if one.bad else "dim"), one.text), width) for one in worst),
    ][:height]


def _card(view: View) -> list[Row]:
    """What is left, and what each fault cost that visitors noticed."""
    found: Budget = view.fold
    if not found.faults:
        return []
    noticed = [spent for spent in found.faults if spent.bad]
    rows = [row((f"   {words(found)}", "bad" if found.bad > found.allowed else "ok"))]
    rows += [
        row(
            (f"     ✗ {one.text}", "text"), (tr(": {bad} of {requests} bad", bad=one.bad, requests=one.requests), "bad")
        )
        for one in noticed
    ]
    unnoticed = ", ".join(one.text for one in found.faults if not one.bad)
    return [*rows, row((f"     ✓ {tr('nobody noticed')}: {unnoticed}", "dim"))] if unnoticed else rows


PANEL = Panel(
    name="budget",
    title=mark("error budget"),
    help=tr("how many requests may go wrong, how many did, and which fault cost them"),
    fold=Budget,
    items=_items,
    identity=lambda spent: spent.fault,
    row=_row,
    detail=_detail,
    empty=lambda _: tr("No fault has begun yet, and nobody was harmed."),
    heading=_heading,
    side=_side,
    card=_card,
)
