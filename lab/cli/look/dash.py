"""`lab dash`: the dashboard of a run that is going on."""

from __future__ import annotations

import typer

from lab.cli import exits
from lab.cli.failure import Failure
from lab.cli.options import RunId
from lab.cli.output import is_screen

EXAMPLES = ("lab dash", "lab dash --run 0007-day3")


def dash(run_id: RunId = None) -> None:
    """Watch a live run. Leaving the dashboard leaves the run alone."""
    if not is_screen():
        raise Failure(
            "a dashboard needs a terminal",
            why="Input, output or errors of this command go somewhere else, or TERM is dumb.",
            next="lab ps, or lab logs -f",
            code=exits.MISSING,
        )
    from lab.cli import live
    from lab.cli.hangup import end_with_terminal
    from lab.dashboard import run_live

    handle = live.Handle(live.alive(run_id))
    end_with_terminal()
    code = run_live(handle, stop_on_quit=False)
    if handle.ended() and (bad := live.bad_end(handle)):
        raise bad
    raise typer.Exit(code)
