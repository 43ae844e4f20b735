"""`lab diff`: two gradings, or two runs, beside each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lab.cli import complete
from lab.cli.options import Json
from lab.cli.output import out, paint, table
from lab.locale import language, tr

if TYPE_CHECKING:
    from lab.course.sides import Side
    from lab.journal.traffic import Change

EXAMPLES = ("lab diff", "lab diff 5.3", "lab diff 12 15", "lab diff 0007-day3 0009-day3")
MOST = 15
"""Rows of flows that are told; the largest differences come first."""
ROLES = {"pass": "good", "fail": "bad"}


def diff(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[A] [B]",
            help="Gradings by number, or runs by name. By default the last two gradings of the last exercise.",
            autocompletion=complete.gradings_and_runs,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare two gradings or runs: behaviours, flows, figures, your code."""
    from lab.cli.exercise import learner
    from lab.course.sides import sides
    from lab.course.workspace import NoWorkspace
    from lab.journal.traffic import changes, traffic

    words = names or []
    if len(words) > 2:
        raise typer.BadParameter(tr("name two at most"))
    try:
        here = learner.workspace()
    except NoWorkspace:
        if len(words) < 2:
            raise
        here = None
    before, after = sides(here, words)
    events = [side.events() for side in (before, after)]
    flows = changes(*map(traffic, events)) if before.runs and after.runs else None
    code = _code(before, after)
    if as_json:
        _json(before, after, flows, _figures(before, after, events), code)
        return
    out(paint(tr("{before} → {after}", before=_told(before), after=_told(after)), "title"))
    _show_behaviours(before, after)
    _show_figures(_figures(before, after, events))
    _show_flows(flows)
    _show_code(before, after, code)


def _told(side: Side) -> str:
    """`0012-day5.3 (seed 81, not passed)`."""
    if side.report is None:
        return side.name
    verdict = tr("passed") if side.report.good else tr("not passed")
    return tr("{name} (seed {seed}, {verdict})", name=side.name, seed=side.report.seed, verdict=verdict)


def _verdicts(side: Side) -> dict[str, str]:
    return {one.behaviour: one.verdict for one in side.report.findings} if side.report else {}


def _changed(before: Side, after: Side) -> list[tuple[str, str, str]]:
    """The behaviours with another verdict, and both; "-" where it was not judged."""
    old, new = _verdicts(before), _verdicts(after)
    return [
        (ident, old.get(ident, "-"), new.get(ident, "-"))
        for ident in dict.fromkeys([*old, *new])
        if old.get(ident) != new.get(ident)
    ]


def _show_behaviours(before: Side, after: Side) -> None:
    from lab.grading.report.words import known, said

    if before.report is None or after.report is None:
        return
    changed = _changed(before, after)
    out()
    if not changed:
        out(tr("No behaviour has changed."))
        return
    findings = {one.behaviour: one for one in (*before.report.findings, *after.report.findings)}
    for ident, old, new in changed:
        words = [paint(known(one, language(), one), ROLES.get(one, "warn")) for one in (old, new)]
        out(f"{paint(ident, 'name')}  {words[0]} → {words[1]}  {said(findings[ident].says, language())}")
        if new == "fail" and (got := findings[ident].got):
            out(paint(tr("    got: {got}", got=got), "dim"))


def _figures(
    before: Side, after: Side, events: Sequence[Sequence[Any]]
) -> dict[str, tuple[float | None, float | None]]:
    """The figures that differ: those that an exercise measures, or those of a run."""
    from lab.grading.report.words import said

    if before.report and after.report:
        old, new = (
            {said(one.figure.says, language()): one.value for one in report.figures}
            for report in (before.report, after.report)
        )
        pairs = {name: (old.get(name), new.get(name)) for name in dict.fromkeys([*old, *new])}
    elif before.runs and after.runs and not (before.report or after.report):
        from lab.journal.comparison import LABELS, of_run
        from lab.runtime.runs import load

        both = [
            of_run(load(side.runs[0].folder).system, its) for side, its in zip((before, after), events, strict=True)
        ]
        pairs = {tr(label): (getattr(both[0], key), getattr(both[1], key)) for key, label in LABELS.items()}
    else:
        pairs = {}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _show_figures(figures: dict[str, tuple[float | None, float | None]]) -> None:
    if figures:
        out()
        rows = [(name, *("-" if value is None else f"{value:.4g}" for value in pair)) for name, pair in figures.items()]
        table(("FIGURE", "BEFORE", "AFTER"), rows)


def _show_flows(flows: list[Change] | None) -> None:
    out()
    if flows is None:
        out(tr("Flows cannot be compared: the journal of one of the two is not kept any more."))
        return
    if not flows:
        out(tr("The same flows, as often."))
        return
    table(
        ("LINK", "FLOW", "BEFORE", "AFTER"),
        [(one.link, one.op, _counted(one.before), _counted(one.after)) for one in flows[:MOST]],
        {0: ["name"] * min(MOST, len(flows))},
    )
    if (left := len(flows) - MOST) > 0:
        out(paint(tr("… {count} more", count=left), "dim"))


def _counted(outcomes: Counter[str]) -> str:
    """`20 (3 error)`."""
    others = ", ".join(f"{count} {tr(name)}" for name, count in sorted(outcomes.items()) if name != "ok")
    return f"{outcomes.total()} ({others})" if others else str(outcomes.total())


def _code(before: Side, after: Side) -> list[str] | None:
    from lab.course.textdiff import unified

    if before.code is None or after.code is None:
        return None
    return list(unified(before.code, after.code, before.name, after.name))


def _show_code(before: Side, after: Side, code: list[str] | None) -> None:
    if before.report is None or after.report is None:
        return
    out()
    if code is None:
        out(tr("Your code cannot be compared: one of the two versions is not kept."))
    elif not code:
        out(tr("Your code is the same."))
    for line in code or ():
        out(paint(line, diff_role(line)))


def diff_role(line: str) -> str:
    """The colour of a line of a unified diff."""
    if line.startswith(("---", "+++")):
        return "title"
    if line.startswith("@@"):
        return "name"
    return {"+": "good", "-": "bad"}.get(line[:1], "plain")


def _row(flow: Change) -> dict[str, object]:
    return {"link": flow.link, "op": flow.op, "before": dict(flow.before), "after": dict(flow.after)}


def _json(
    before: Side,
    after: Side,
    flows: list[Change] | None,
    figures: dict[str, tuple[float | None, float | None]],
    code: list[str] | None,
) -> None:
    import msgspec

    data = {
        "schema_version": 1,
        "before": before.name,
        "after": after.name,
        "behaviours": [{"id": ident, "before": old, "after": new} for ident, old, new in _changed(before, after)],
        "figures": {name: {"before": old, "after": new} for name, (old, new) in figures.items()},
        "flows": None if flows is None else [_row(one) for one in flows],
        "code": None if code is None else "\n".join(code),
    }
    out(msgspec.json.encode(data).decode())
