"""`lab hint`: help in three steps."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli.options import LastExercise
from lab.cli.output import out, paint
from lab.locale import language, tr

EXAMPLES = ("lab hint", "lab hint day5.3", "lab hint day5.3 --step 1")


def hint(
    exercise: LastExercise = None,
    step: Annotated[int | None, typer.Option(min=1, metavar="N", help="Show a hint that is open already.")] = None,
) -> None:
    """Open the next hint.

    There are three, each a question and what to think about.
    """
    from lab.cli.exercise import learner
    from lab.course import hints

    here = learner.workspace()
    asked = learner.chosen(here, exercise, graded=True)
    if exercise is None:
        here.programs(asked)  # nobody needs a hint, unasked for by name, for what is not started: it would be spent
    with learner.progress(here) as so_far:
        opened = hints.open_one(asked, language(), so_far, step)
    shown, number, count = opened.hint, opened.number, opened.count
    out(
        paint(
            tr(
                "{id} hint {number} of {count}: {question}",
                id=asked.id,
                number=number,
                count=count,
                question=shown.question,
            ),
            "title",
        )
    )
    out(f"\n{shown.text}\n")
    if opened.again:
        out(
            paint(
                tr("All hints are open. To see the first again: lab hint {number} --step 1", number=asked.number), "dim"
            )
        )
    elif opened.after:
        out(
            paint(tr("Next: {question}  lab hint {number}", question=opened.after.question, number=asked.number), "dim")
        )
    else:
        out(paint(tr("This was the last one; see lab solution {number}", number=asked.number), "dim"))
