"""`lab hint`: help in three steps."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli import complete, exits
from lab.cli.failure import Failure
from lab.cli.output import out, paint

EXAMPLES = ("lab hint", "lab hint day5.3", "lab hint day5.3 --step 1")


def hint(
    exercise: Annotated[
        str | None,
        typer.Argument(
            metavar="[EXERCISE]",
            help="Like day5.3; else the exercise of this folder, else the one graded last.",
            autocompletion=complete.exercises,
        ),
    ] = None,
    step: Annotated[int | None, typer.Option(min=1, metavar="N", help="Show a hint that is open already.")] = None,
) -> None:
    """Open the next hint.

    There are three, each a question and what to think about.
    """
    from lab.cli.exercise import workspace as place
    from lab.course import texts

    here = place.workspace()
    asked = place.chosen(here, exercise, done=True)
    hints = texts.hints(asked.folder, here.toml.texts)
    with place.progress(here) as so_far:
        opened = so_far.standing(asked.id).hints
        number = step or min(opened + 1, len(hints))
        if number > len(hints):
            raise Failure(f"{asked.id} has {len(hints)} hints", code=exits.USAGE)
        if number > opened + 1:
            why = f"Each opens after the one before; the next is {opened + 1}."
            raise Failure(f"hint {number} is not open yet", why=why, next=f"lab hint {asked.number}", code=exits.USAGE)
        so_far.open_hint(asked.id, number)
    chosen = hints[number - 1]
    out(paint(f"{asked.id} hint {number} of {len(hints)}: {chosen.question}", "title"))
    out(f"\n{chosen.text}\n")
    if step is None and number == opened:
        out(paint(f"All are open. Again: lab hint {asked.number} --step 1", "dim"))
    elif number < len(hints):
        out(paint(f"Next: {hints[number].question}  lab hint {asked.number}", "dim"))
    else:
        out(paint(f"This was the last one; see lab solution {asked.number}", "dim"))
