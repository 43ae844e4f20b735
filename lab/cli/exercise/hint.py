"""`lab hint`: help with what failed, in three steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.options import LastExercise
from lab.cli.output import out, paint
from lab.locale import language, tr

if TYPE_CHECKING:
    from lab.journal.telling import Words

EXAMPLES = ("lab hint", "lab hint day5.3", "lab hint day5.3 --about C4", "lab hint day5.3 --step 1")


def hint(
    exercise: LastExercise = None,
    step: Annotated[int | None, typer.Option(min=1, metavar="N", help="Show a hint that is open already.")] = None,
    about: Annotated[
        str | None, typer.Option(metavar="ID", help="A behaviour, such as C2, instead of the first that failed.")
    ] = None,
) -> None:
    """Open the next hint.

    It is on the first behaviour that failed. There are three on each: a question, where to look, nearly the code.
    """
    from lab.cli.exercise import learner
    from lab.cli.learn import asking
    from lab.course import branches, hints

    here = learner.workspace()
    asked = learner.chosen(here, exercise, graded=True)
    if not (asked.branch and branches.on_branch(here, asked)):
        here.programs(asked)  # an exercise that is not started gets no hint: it would be spent on nothing
    with learner.progress(here) as so_far:
        opened = hints.open_one(asked, language(), so_far, step, about, here.tongue(asked))
    number, count, on = opened.number, opened.count, ", ".join(opened.behaviours)
    out(
        paint(
            tr("{id} hint {number} of {count} on {behaviours}", id=asked.id, number=number, count=count, behaviours=on),
            "title",
        )
    )
    out(f"\n{_shown(opened.text)}\n")
    asking.to_read(*(asked.behaviour(one).read for one in opened.behaviours))
    command = f"lab hint {asked.number}" + (f" --about {about}" if about else "")
    if opened.again:
        out(
            paint(
                tr(
                    "All hints on {behaviours} are open. To see the first again: {command}",
                    behaviours=on,
                    command=f"{command} --step 1",
                ),
                "dim",
            )
        )
    elif number < count:
        out(paint(tr("The next hint: {command}", command=command), "dim"))
    else:
        out(paint(tr("This was the last one; see lab solution {number}", number=asked.number), "dim"))


def _shown(text: str) -> str:
    """The hint on lines of this terminal's width, its code in the colour of names in place of Markdown's backticks."""
    from lab.cli.exercise.reports import sheet

    lines = sheet()
    for line in text.splitlines():
        pieces: Words = [(piece, "name" if number % 2 else "plain") for number, piece in enumerate(line.split("`"))]
        lines.paragraph(pieces)
    return lines.text()
