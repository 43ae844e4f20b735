"""Options and arguments that several commands have, said once.

Every command takes a run in one way, `--run ID`, and an exercise in one way, as its first argument.
"""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli import complete
from lab.locale import tr

RunId = Annotated[
    str | None,
    typer.Option(
        "--run",
        metavar="ID",
        help="Which run: 0007-day3, or its number; the latest if left out.",
        autocompletion=complete.runs,
    ),
]
LiveRunId = Annotated[
    str | None,
    typer.Option(
        "--run",
        metavar="ID",
        help="Which live run: 0007-day3, or its number; the latest if left out.",
        autocompletion=complete.live_runs,
    ),
]
RunToo = Annotated[str | None, typer.Argument(metavar="[RUN]", hidden=True, autocompletion=complete.runs)]
"""A command that takes only a run also accepts the id without `--run`."""

ExerciseName = Annotated[
    str,
    typer.Argument(metavar="EXERCISE", help="Like day5.3, 5.3 or circuit-breaker.", autocompletion=complete.exercises),
]
NextExercise = Annotated[
    str | None,
    typer.Argument(
        metavar="[EXERCISE]",
        help="Like day5.3. If left out: the exercise of this folder, or else the next unfinished one.",
        autocompletion=complete.exercises,
    ),
]
LastExercise = Annotated[
    str | None,
    typer.Argument(
        metavar="[EXERCISE]",
        help="Like day5.3. If left out: the exercise of this folder, or else the one graded last.",
        autocompletion=complete.exercises,
    ),
]
DayName = Annotated[
    str | None,
    typer.Argument(
        metavar="[DAY]", help="Like day4. If left out: what is due, then what is new.", autocompletion=complete.taught
    ),
]
Number = Annotated[int | None, typer.Option(min=1, metavar="N", help="Your answer, where nobody can be asked for it.")]
Engines = Annotated[
    list[str] | None,
    typer.Option(
        "--engine",
        metavar="[KIND=]TIER",
        help="embedded (nothing to install), native (from your PATH), or KIND=URL; repeatable.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def one_run(argument: str | None, option: str | None) -> str | None:
    """The id of the run that was named, with `--run` or without."""
    if argument is not None and option is not None:
        raise typer.BadParameter(tr("name the run once"))
    return argument if argument is not None else option
