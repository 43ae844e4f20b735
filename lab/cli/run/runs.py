"""`lab runs`: the runs that are kept."""

from __future__ import annotations

from pathlib import Path

from lab.cli.options import Json
from lab.cli.output import out, paint, size, table
from lab.locale import tr

EXAMPLES = ("lab runs", "lab runs --json")


def runs(as_json: Json = False) -> None:
    """List the runs that are kept, the latest last. Each can be replayed and traced."""
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
            tr("alive") if record.alive else tr("ended"),
            record.started[:19].replace("T", " "),
            record.options.scenario or "-",
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


def _size(journal: Path) -> str:
    """How much was written. A run that is just starting, or that never could, has no journal; the list is for all."""
    try:
        return size(journal.stat().st_size)
    except OSError:
        return "-"
