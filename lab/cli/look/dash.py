"""`lab dash`: the dashboard of a live run."""

from __future__ import annotations

from lab.cli import exits
from lab.cli.failure import Failure
from lab.cli.options import LiveRunId, RunToo, one_run
from lab.cli.output import is_screen, leave
from lab.locale import tr

EXAMPLES = ("lab dash", "lab dash --run 0007-day3")


def dash(run: RunToo = None, run_id: LiveRunId = None) -> None:
    """Watch a live run. Leaving the dashboard leaves the run alone."""
    if not is_screen():
        raise Failure(
            tr("a dashboard needs a terminal"),
            why=tr("Input, output or errors of this command go somewhere else, or TERM is dumb."),
            next=tr("lab ps, or lab logs -f"),
            code=exits.MISSING,
        )
    from lab.cli import which_run
    from lab.cli.hangup import end_with_terminal
    from lab.dashboard import run_live
    from lab.runtime.live import LiveRun

    live = LiveRun(which_run.alive(one_run(run, run_id)))
    end_with_terminal()
    left = run_live(live, stop_on_quit=False)
    if live.ended() and (bad := live.bad_end()):
        which_run.clean()
        raise bad
    leave(left.code)
