"""`lab replay`: a recorded run again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.options import RunId, RunToo, one_run
from lab.cli.output import is_screen, leave
from lab.locale import tr

EXAMPLES = (
    "lab replay --run 0007-day3",
    "lab replay --run 0007-day3 --speed 4",
    "lab replay --run 0007-day3 --plain",
    "lab replay --run 0007-day3 --json",
)
SHORTEST_PAUSE, LONGEST_PAUSE = 0.001, 0.5
"""Seconds of one sleep: short enough that Ctrl-C acts at once."""


def replay(
    run: RunToo = None,
    run_id: RunId = None,
    speed: Annotated[
        float | None,
        typer.Option(min=0.01, max=1000, help="Speed: 1 as recorded, 4 four times as fast. Without a screen: at once."),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Plain lines instead of the dashboard.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The recorded events as NDJSON.")] = False,
) -> None:
    """Show a recorded run again, in the dashboard or in plain lines."""
    if plain and as_json:
        raise typer.BadParameter(tr("--plain and --json cannot be used together"))
    from lab.cli import which_run

    record = which_run.recorded(one_run(run, run_id))
    path = which_run.journal(record)
    system = which_run.system_of(record)
    if is_screen() and not (plain or as_json):
        from lab.cli.hangup import end_with_terminal
        from lab.dashboard import run_replay

        end_with_terminal()
        leave(run_replay(path, system, speed or 1.0))
    from lab.cli.run.printers import Json, Plain
    from lab.cli.run.summary import summarise

    teller = Json(system) if as_json else Plain(system)
    for lines in _paced(path, speed):
        teller(lines)
    teller.end()
    if isinstance(teller, Plain):
        summarise(teller.picture, record)


def _paced(path: Path, speed: float | None) -> Iterator[list[bytes]]:
    """The journal's lines, each at its own time; without a speed, all at once."""
    from lab.journal.query import Tail, decode

    began = time.monotonic()
    with Tail(path) as tail:
        while lines := tail.lines():
            if speed is None:
                yield lines
                continue
            for line in lines:
                for event in decode([line]):
                    while (ahead := event.t / speed - (time.monotonic() - began)) > SHORTEST_PAUSE:
                        time.sleep(min(ahead, LONGEST_PAUSE))
                yield [line]
