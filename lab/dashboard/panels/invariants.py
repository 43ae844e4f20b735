"""Invariants: what must hold whatever breaks, and whether it does."""

from __future__ import annotations

from collections.abc import Sequence

from lab.dashboard.panel import Panel, View
from lab.dashboard.rows import Row, clip, fit, right, row
from lab.journal.invariants import WHY, Invariants, Verdict
from lab.locale import mark, tr

FIGURES = 36
"""Cells of the columns with figures."""
_MARKS = {"holds": "✓", "owed": "…", "broken": "✗"}
_TONES = {"holds": "ok", "owed": "warn", "broken": "bad"}
STATES = (mark("holds"), mark("owed"), mark("broken"))


def _state(verdict: Verdict) -> str:
    return "broken" if verdict.broke else "owed" if verdict.owed else "holds"


def _items(view: View) -> Sequence[Verdict]:
    found: Invariants = view.fold
    return found.glance()


def _label(width: int) -> int:
    return max(20, min(44, width - FIGURES - 2))


def _heading(_: View, width: int) -> list[Row]:
    words = (fit("   " + tr("what must hold"), _label(width)), right(tr("checked"), 12), right(tr("broke"), 10))
    return [clip(row(("".join((*words, right(tr("owed"), 12))), "dim")), width)]


def _row(verdict: Verdict, _: View, width: int) -> Row:
    state = _state(verdict)
    return clip(
        row(
            (f" {_MARKS[state]} ", _TONES[state]),
            (fit(tr(verdict.name), _label(width) - 3), "strong" if state != "holds" else "text"),
            (right(str(verdict.checked), 12), "text"),
            (right(str(verdict.broke or "-"), 10), "bad" if verdict.broke else "dim"),
            (right(str(verdict.owed or "-"), 12), "warn" if verdict.owed else "dim"),
        ),
        width,
    )


def _detail(verdict: Verdict, _: View) -> tuple[str, list[Row]]:
    rows = [row((f" {tr(WHY[verdict.name])}", "text")), ()]
    rows += [row((f"   {ident}", "bad"), (f"   lab trace {ident}", "key")) for ident in verdict.examples]
    if verdict.owed:
        owed = tr("still to come: {count}. What is owed when the run ends was lost.", count=verdict.owed)
        rows.append(row((f" {owed}", "warn")))
    return f"{tr(verdict.name)}: {tr(_state(verdict))}", rows


def _side(view: View, width: int, height: int) -> list[Row]:
    """Those that do not hold; one line if all do."""
    verdicts = _items(view)
    bad = sorted((one for one in verdicts if _state(one) != "holds"), key=_state)
    if not bad:
        held = tr("all {count} invariants hold", count=len(verdicts))
        return [clip(row((" ✓ ", "ok"), held), width)] if verdicts else []
    return [
        clip(row((f" {_MARKS[_state(one)]} ", _TONES[_state(one)]), f"{tr(_state(one))}: {tr(one.name)}"), width)
        for one in bad[:height]
    ]


def _card(view: View) -> list[Row]:
    found: Invariants = view.fold
    verdicts = found.verdicts()
    held = [one for one in verdicts if _state(one) == "holds"]
    rows = [
        row(
            (f"   {_MARKS[_state(one)]} {tr(one.name)}: ", _TONES[_state(one)]),
            (
                tr("{broke} broke, {owed} owed of {checked}", broke=one.broke, owed=one.owed, checked=one.checked),
                "text",
            ),
        )
        for one in verdicts
        if one not in held
    ]
    if held:
        kept = ", ".join(f"{tr(one.name)} ({one.checked})" for one in held)
        rows.append(row((f"   ✓ {kept}", "ok")))
    return rows


PANEL = Panel(
    name="invariants",
    title=mark("invariants"),
    help=tr("what must hold whatever breaks, and whether it does"),
    fold=Invariants,
    items=_items,
    identity=lambda verdict: verdict.name,
    row=_row,
    detail=_detail,
    empty=lambda _: tr("Nobody has ordered, paid or registered yet."),
    heading=_heading,
    side=_side,
    card=_card,
)
