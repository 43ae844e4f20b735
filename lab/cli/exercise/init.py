"""`lab init`: a workspace for the learner's own services."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from lab.cli.output import out, paint
from lab.locale import language as spoken
from lab.locale import tr
from lab.locale.home import expanded

EXAMPLES = ("lab init ~/lab", "lab init ~/lab --language go --texts uz")


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="A new or empty folder; this one if left out.")
    ] = Path(),
    language: Annotated[
        str,
        typer.Option(metavar="NAME", help="Language of the starter code: python, go, node. Any other: empty folders."),
    ] = "python",
    texts: Annotated[
        Literal["en", "uz"] | None,
        typer.Option(help="Language of the lab in this workspace. By default the one it speaks now."),
    ] = None,
) -> None:
    """Make a workspace: a folder for your own services.

    Its lab.toml says how they are built and run. Run again, it adds what is missing and changes nothing else.
    """
    from lab.course import catalog, workspace

    known = catalog.exercises()
    said_in = texts or spoken()
    days = sorted({exercise.day for exercise in known})
    done = workspace.init(folder, days, language=language, said_in=said_in)
    where = expanded(folder).absolute()
    if not done.made:
        out(tr("{where} is a workspace already; nothing was changed.", where=where))
        return
    out(tr("{folder} is your workspace.", folder=paint(str(where), "title")))
    inside = where == Path.cwd()
    if not inside:
        out(f"  cd {folder}")
    for exercise in known[:1]:
        out(f"  lab start {exercise.number:<6} {exercise.title[said_in]}")
    out(tr("  lab status       all exercises"))
