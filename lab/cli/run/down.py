"""`lab down`: stop runs."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli import complete
from lab.cli.output import out

EXAMPLES = ("lab down", "lab down 0007-day3", "lab down --all")


def down(
    run_id: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="Which run; the latest if left out.", autocompletion=complete.live_runs),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All live runs.")] = False,
) -> None:
    """Stop a live run with all its processes."""
    if run_id and every:
        raise typer.BadParameter("give one run or --all, not both")
    from lab.cli import live

    handles = [live.Handle(record) for record in (live.records() if every else [live.alive(run_id)])]
    if not handles:
        out("No run is alive.")
    for handle in handles:
        handle.stop()
    for handle in handles:
        handle.wait_ended()
        out(f"{handle.record.id} is stopped.")
