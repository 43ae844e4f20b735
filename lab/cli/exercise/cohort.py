"""`lab cohort`: what a teacher does with the workspaces of many learners."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import complete, exits, values
from lab.cli.commands import examples
from lab.cli.exercise.files import must_be_writable
from lab.cli.options import Engines, Json
from lab.cli.output import out, paint, say, table
from lab.locale import language, tr, trn

if TYPE_CHECKING:
    from lab.course.cohort import Row
    from lab.course.exercise import Exercise

EXAMPLES = ("lab cohort check ./group", "lab cohort check ./group day3 --csv day3.csv --html day3.html --jobs 4")

group = typer.Typer(
    name="cohort",
    help="Grade the workspaces of many learners.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
)
ROLES = {"passed": "good", "failing": "bad", "broken": "warn", "new": "dim"}


@group.callback()
def _group() -> None:
    """Grade the workspaces of many learners."""


@group.command("check", epilog=examples(EXAMPLES))
def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="It holds a folder for each learner.")],
    what: Annotated[
        str, typer.Argument(metavar="[EXERCISE]", help="day3.3, day3 or all.", autocompletion=complete.gradable)
    ] = "all",
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=values.LARGEST_SEED, help="The same for all. By default a new one each time."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="How many gradings at a time; by default one per core.")
    ] = None,
    engine: Engines = None,
    as_json: Json = False,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table as CSV.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table as a page of its own.")] = None,
) -> None:
    """Grade each learner's workspace in the folder, and write a table: who, which behaviours, attempts, misconceptions.

    Each grading has a copy of the learner's services and processes of its own; what the learners have is not changed.
    Their programs run on this machine with your rights: grade people whom you know, or in a container.
    """
    from lab.cli.progress_line import ProgressLine
    from lab.course import attempt, catalog, cohort

    for file in (csv, html):
        must_be_writable(file)
    exercises = catalog.several(what)
    learners = cohort.workspaces(folder.absolute())
    used = seed if seed is not None else attempt.any_seed()
    say(trn("{count} learner, seed {seed}", "{count} learners, seed {seed}", len(learners), seed=used))
    rows: list[Row] = []
    count = len(learners) * len(exercises)
    with ProgressLine() as line:
        line.show(tr("0 of {count} gradings are over", count=count))
        for row in cohort.grade(
            learners, exercises, seed=used, jobs=jobs or os.cpu_count() or 1, tiers=values.tiers(engine or [])
        ):
            rows.append(row)
            line.show(tr("{done} of {count} gradings are over", done=len(rows), count=count))
    order = {exercise.id: number for number, exercise in enumerate(exercises)}
    rows.sort(key=lambda one: (order[one.exercise], one.learner))
    if csv:
        csv.write_text(_csv(rows), encoding="utf-8")
        say(tr("written: {file}", file=csv))
    if html:
        html.write_text(_html(rows, exercises, used), encoding="utf-8")
        say(tr("written: {file}", file=html))
    if as_json:
        _json(rows, used)
    else:
        _show(rows, exercises)
    begun = [row for row in rows if row.state != "new"]
    raise typer.Exit(exits.OK if begun and all(row.state == "passed" for row in begun) else exits.FAILED)


def _show(rows: Sequence[Row], exercises: Sequence[Exercise]) -> None:
    from lab.course.cohort import misconceptions

    titles = {exercise.id: exercise.title[language()] for exercise in exercises}
    for ident, of_one in groupby(rows, key=lambda one: one.exercise):
        its = [row for row in of_one if row.state != "new"]
        if not its:
            continue
        out(paint(f"{ident} {titles[ident]}", "title"))
        table(
            ("LEARNER", "RESULT", "MUST", "GOLD", "NOT PROVED", "TRIES"),
            [(row.learner, *_cells(row)) for row in its],
            {0: ["name"] * len(its), 1: [ROLES[row.state] for row in its]},
        )
        out()
    for row in rows:
        if row.why:
            out(paint(f"{row.learner} {row.exercise}: {row.why}", "warn"))
    if common := misconceptions(rows):
        out(paint(tr("What failures look like:"), "title"))
        for exercise, name, count in common:
            said = trn("{count} learner", "{count} learners", count)
            out(f"  {exercise}  {_title(exercises, exercise, name)}  {paint(said, 'dim')}")


def _title(exercises: Sequence[Exercise], ident: str, name: str) -> str:
    """What the misconception is called."""
    wrong = next(one.wrong for one in exercises if one.id == ident)
    return next((one.title[language()] for one in wrong if one.name == name), name)


def _cells(row: Row) -> tuple[str, ...]:
    """Result, must, gold, what was not proved, attempts."""
    from lab.grading.report.words import label

    if row.report is None:
        return (tr("not graded") if row.why else tr("not begun"), "", "", "", str(row.attempts or ""))
    counts = []
    for gold in (False, True):
        verdicts = [one.verdict for one in row.report.findings if one.gold is gold]
        counts.append(f"{verdicts.count('pass')}/{len(verdicts)}" if verdicts else "")
    return (label(row.report.verdict, language()), *counts, ", ".join(row.failing), str(row.attempts))


def _csv(rows: Sequence[Row]) -> str:
    import csv
    from io import StringIO

    text = StringIO()
    writer = csv.writer(text)
    head = (
        "learner",
        "exercise",
        "state",
        "must",
        "must_of",
        "gold",
        "gold_of",
        "not_proved",
        "attempts",
        "looks_like",
    )
    writer.writerow((*head, "seed", "seconds", "why"))
    for row in rows:
        data = _data(row)
        lists = ((" ".join(value) if isinstance(value := data[key], list) else value) for key in head)
        writer.writerow((*lists, data["seed"], data["seconds"], data["why"]))
    return text.getvalue()


def _data(row: Row) -> dict[str, object]:
    findings = row.report.findings if row.report else ()
    must, gold = ([one for one in findings if one.gold is kind] for kind in (False, True))
    return {
        "learner": row.learner,
        "exercise": row.exercise,
        "state": row.state,
        "must": sum(one.verdict == "pass" for one in must),
        "must_of": len(must),
        "gold": sum(one.verdict == "pass" for one in gold),
        "gold_of": len(gold),
        "not_proved": row.failing,
        "attempts": row.attempts,
        "looks_like": sorted({name for one in findings for name in one.looks_like}),
        "seed": row.report.seed if row.report else "",
        "seconds": row.report.seconds if row.report else "",
        "why": row.why,
    }


def _json(rows: Sequence[Row], seed: int) -> None:
    import msgspec

    from lab.course.cohort import misconceptions

    common = [{"exercise": ident, "name": name, "learners": count} for ident, name, count in misconceptions(rows)]
    data = {"schema_version": 1, "seed": seed, "rows": [_data(row) for row in rows], "misconceptions": common}
    out(msgspec.json.encode(data).decode())


def _html(rows: Sequence[Row], exercises: Sequence[Exercise], seed: int) -> str:
    from html import escape

    from lab.course.cohort import misconceptions
    from lab.grading.report.html import document

    kinds = {"passed": "pass", "failing": "fail", "broken": "unknown", "new": "skipped"}
    heads = [tr("learner"), tr("result"), tr("must"), tr("gold"), tr("not proved"), tr("tries")]
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    titles = {exercise.id: exercise.title[language()] for exercise in exercises}
    title = escape(tr("Results of the group"))
    parts = [f"<header><h1>{title}</h1></header><p class=meta>{escape(tr('seed {seed}', seed=seed))}</p>"]
    for ident, its in groupby(rows, key=lambda one: one.exercise):
        lines = "".join(
            f'<tr><td>{escape(row.learner)}</td><td><span class="pill {kinds[row.state]}">{escape(result)}</span></td>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
            + "</tr>"
            for row in its
            for result, *cells in [_cells(row)]
        )
        parts.append(
            f"<h2>{escape(f'{ident} {titles[ident]}')}</h2><div class=card><table><tr>{head}</tr>{lines}</table></div>"
        )
    if common := misconceptions(rows):
        items = "".join(
            f"<li><span class=id>{escape(ident)}</span><p>{escape(_title(exercises, ident, name))}</p>"
            f"<span class=dim>{count}</span></li>"
            for ident, name, count in common
        )
        parts.append(f"<h2>{escape(tr('What failures look like:'))}</h2><div class=card><ul>{items}</ul></div>")
    return document(tr("Results of the group"), "".join(parts), language())
