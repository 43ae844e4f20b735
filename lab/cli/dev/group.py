"""The group of the authors' commands."""

from __future__ import annotations

import typer

from lab.cli.commands import examples
from lab.cli.dev import check, new, programs

group = typer.Typer(
    name="dev",
    help="Prove exercises, and change the programs that they store, for their authors.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
)


@group.callback()
def _group() -> None:
    """Prove exercises, and change the programs that they store, for their authors."""


beginning = typer.Typer(
    help="Begin something new.", no_args_is_help=True, add_completion=False, rich_markup_mode="rich"
)


@beginning.callback()
def _new() -> None:
    """Begin something new."""


group.add_typer(beginning, name="new")
beginning.command("exercise", epilog=examples(new.EXAMPLES))(new.exercise)
group.command("check", epilog=examples(check.EXAMPLES))(check.check)
group.command("unpack", epilog=examples(programs.UNPACK_EXAMPLES))(programs.unpack)
group.command("pack", epilog=examples(programs.PACK_EXAMPLES))(programs.pack)
