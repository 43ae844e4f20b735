"""`lab runs`: the runs that are kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import complete
from lab.cli.commands import examples
from lab.cli.options import Json
from lab.cli.output import out, paint, size, table
from lab.locale import tr

if TYPE_CHECKING:
    from lab.runtime.runs import RunRecord

EXAMPLES = ("lab runs", "lab runs --json", "lab runs keep 0007-day3")
KEEP_EXAMPLES = ("lab runs keep 0007-day3",)


group = typer.Typer(
    name="runs",
    help="List the runs that are kept, the latest last. Each can be replayed and traced.",
    epilog=examples(EXAMPLES),
    rich_markup_mode="rich",
    add_completion=False,
)


@group.callback(invoke_without_command=True)
def runs(ctx: typer.Context, as_json: Json = False) -> None:
    """List the runs that are kept, the latest last. Each can be replayed and traced."""
    if ctx.invoked_subcommand is None:
        _list(as_json=as_json)


@group.command("keep", epilog=examples(KEEP_EXAMPLES))
def keep(
    run: Annotated[str, typer.Argument(metavar="ID", help="Which run.", autocompletion=complete.runs)],
) -> None:
    """Keep a run for good. Of the others only the last 20 stay."""
    from lab.runtime import runs

    record = runs.find(run)
    runs.keep(record)
    out(tr("{run} is kept until you remove {folder}", run=record.id, folder=record.folder))


def _list(*, as_json: bool) -> None:
    from lab.runtime.runs import home, list_runs

    records = list_runs()
    if as_json:
        import msgspec

        found = [
            {
                "id": record.id,
                "system": record.system,
                "alive": record.alive,
                "started_at": record.started,
                "folder": str(record.folder),
                "kind": record.kind,
                "kept": record.kept,
            }
            for record in records
        ]
        out(msgspec.json.encode({"schema_version": 1, "runs": found}).decode())
        return
    if not records:
        out(tr("No run is kept yet. Start one: lab run day3"))
        return
    rows = [
        (
            record.id,
            _state(record),
            record.started[:19].replace("T", " "),
            record.options.scenario or _kind(record),
            _size(record.journal),
        )
        for record in records
    ]
    table(
        ("RUN", "STATE", "STARTED", "SCENARIO", "JOURNAL"),
        rows,
        {0: ["name"] * len(rows), 1: ["good" if record.alive else "dim" for record in records]},
    )
    out(paint(tr("\nkept in {home}", home=home()), "dim"))


def _state(record: RunRecord) -> str:
    if record.alive:
        return tr("alive")
    return tr("ended, kept") if record.kept else tr("ended")


def _kind(record: RunRecord) -> str:
    """The cell of a run without a scenario."""
    if record.kind == "grading":
        return tr("grading")
    return tr("never ready") if record.kind == "failed" and not record.alive else "-"


def _size(journal: Path) -> str:
    """How much was written. A run that is just starting, or that never could, has no journal; the list is for all."""
    try:
        return size(journal.stat().st_size)
    except OSError:
        return "-"
