"""`lab explain`: a misconception by its name."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import Annotated

import typer

from lab.cli import complete
from lab.cli.failure import unknown
from lab.cli.output import out, paint
from lab.locale import language, tr

EXAMPLES = ("lab explain half_open_flood",)
WIDEST = 88


def explain(
    misconception: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="As lab check prints it after 'looks like'.", autocompletion=complete.misconceptions
        ),
    ],
) -> None:
    """Explain a misconception that lab check recognised.

    What people think, why it fails, what to do instead, and where it was seen.
    """
    from lab.cli.learn import asking
    from lab.course import catalog

    spoken = language()
    exercises = catalog.exercises()
    found = [(exercise, wrong) for exercise in exercises for wrong in exercise.wrong if wrong.name == misconception]
    if not found:
        names = {wrong.name for exercise in exercises for wrong in exercise.wrong}
        raise unknown("misconception", misconception, names, next=tr("Tab after lab explain lists them all"))
    width = min(shutil.get_terminal_size().columns, WIDEST) if sys.stdout.isatty() else WIDEST
    for number, (exercise, wrong) in enumerate(found):
        if number:
            out()
        out(paint(wrong.title[spoken], "title"))
        out(textwrap.fill(" ".join(wrong.text[spoken].split()), width))
        behaviour = exercise.behaviour(wrong.fails)
        out()
        out(textwrap.fill(f"{exercise.id} {behaviour.id}: {behaviour.says[spoken]}", width, subsequent_indent="  "))
        asking.to_read(wrong.read)
        if wrong.seen_in:
            out(tr("seen in {seen_in}", seen_in=wrong.seen_in))
