"""`lab config`: the reader's settings for every command."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from lab.cli import exits
from lab.cli.failure import Failure
from lab.cli.output import out, table
from lab.locale import LANGUAGES, choice, speaking, tr

EXAMPLES = ("lab config", "lab config lang uz")


def config(
    name: Annotated[
        Literal["lang"] | None, typer.Argument(metavar="[lang]", help="What to show or to set: lang, the language.")
    ] = None,
    value: Annotated[str, typer.Argument(metavar="[en|uz]", help="The value from now on.")] = "",
) -> None:
    """Show your settings, or change one: the language."""
    if not (name and value):
        said_by = choice.made.said_by or tr("nothing else said")
        table([tr("SETTING"), tr("VALUE"), tr("SAID BY")], [["lang", choice.made.language, said_by]])
        return
    if value not in LANGUAGES:
        why = tr("There are: {languages}", languages=", ".join(LANGUAGES))
        raise Failure(tr('the lab does not speak "{language}"', language=value), why=why, code=exits.USAGE)
    try:
        path = choice.configure(value)
    except OSError as problem:
        raise Failure(f"{problem.filename}: {problem.strerror}", code=exits.MISSING) from None
    with speaking(value):
        out(tr("The lab speaks English from now on. It is kept in {path}", path=path))
        if choice.made.said_by in ("--lang", "LAB_LANG", "lab.toml") and choice.made.language != value:
            out(tr("Here {origin} says otherwise, and comes first.", origin=choice.made.said_by))
