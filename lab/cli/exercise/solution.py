"""`lab solution`: ours, as a difference to the learner's."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli import complete, exits
from lab.cli.failure import Failure
from lab.cli.output import out, paint

EXAMPLES = ("lab solution day5.3", "lab solution day5.3 | less")


def solution(
    exercise: Annotated[
        str | None,
        typer.Argument(
            metavar="[EXERCISE]",
            help="Like day5.3; else the exercise of this folder, else the one graded last.",
            autocompletion=complete.exercises,
        ),
    ] = None,
) -> None:
    """Show our solution as a diff against yours.

    It opens after a pass, or after five failed versions of yours. Your files stay as they are.
    """
    from lab.cli.exercise import workspace as place
    from lab.course import reveal

    here = place.workspace()
    asked = place.chosen(here, exercise, done=True)
    with place.progress(here) as so_far:
        stands = reveal.standing(so_far, asked)
    if not reveal.is_open(stands):
        why = f"It opens when you pass, or after {reveal.FAILURES} failed versions of yours; so far {stands.failures}."
        next_ = f"lab check {asked.number}, or lab hint {asked.number}"
        raise Failure(f"the solution of {asked.id} is not open yet", why=why, next=next_, code=exits.FAILED)
    with place.readable():
        lines = list(reveal.difference(asked, here.sources(asked), here.toml.language))
    if not lines:
        out("Yours is ours, line by line.")
    for line in lines:
        out(paint(line, _role(line)))


def _role(line: str) -> str:
    if line.startswith(("---", "+++")):
        return "title"
    if line.startswith("@@"):
        return "name"
    return {"+": "good", "-": "bad"}.get(line[:1], "plain")
