"""`lab down`: stop runs."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli.options import LiveRunId, RunToo, one_run
from lab.cli.output import out, say
from lab.locale import tr

EXAMPLES = ("lab down", "lab down --run 0007-day3", "lab down --all")


def down(
    run: RunToo = None,
    run_id: LiveRunId = None,
    every: Annotated[bool, typer.Option("--all", help="All live runs.")] = False,
) -> None:
    """Stop a live run with all its processes."""
    if every and (run or run_id):
        raise typer.BadParameter(tr("give one run or --all, not both"))
    from lab.cli import which_run
    from lab.runtime.live import LiveRun

    records = which_run.all_alive() if every else [which_run.alive(one_run(run, run_id))]
    if not records:
        out(tr("No run is alive."))
    live = [LiveRun(record) for record in records]
    for one in live:
        one.stop()
    for one in live:
        one.wait_ended(say)
        out(tr("{id} is stopped.", id=one.record.id))
