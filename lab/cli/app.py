"""The root of all commands: what there is, and what holds for each: how it fails, is interrupted, loses its reader."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand, TyperGroup

from lab import __version__
from lab.cli import exits
from lab.cli.commands import COMMANDS
from lab.cli.language import complaining, translate
from lab.cli.output import out, say
from lab.locale import tr


class Root(TyperGroup):
    """Lists commands without loading them, and loads the one that is asked for.

    Turns what cannot be done into its message and exit code, a reader that left (`| head`) into a quiet end.
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, entry in COMMANDS.items():
            self.add_command(TyperCommand(name, help=entry.summary, rich_help_panel=entry.panel))

    def make_context(self, *args: Any, **extra: Any) -> Any:
        translate(self)  # only now: Typer adds the options for completion after ours
        with complaining():
            return super().make_context(*args, **extra)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, listed, rest = super().resolve_command(ctx, args)
        return name, COMMANDS[name].load(name) if listed and name else None, rest

    def invoke(self, ctx: Any) -> Any:
        try:
            with complaining():
                result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # What is still buffered has no reader; Python must not complain about that at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(exits.OK) from None
        except KeyboardInterrupt:
            raise typer.Exit(exits.INTERRUPTED) from None
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            from lab.cli.refusals import failure

            if (told := failure(error)) is None:
                raise
            say(str(told))
            raise typer.Exit(told.code) from None
        return result


def _version(asked: bool) -> None:
    if asked:
        out(f"lab {__version__}")
        raise typer.Exit


def _lab(
    ctx: typer.Context,
    version: Annotated[  # noqa: ARG001 - it acts in its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    lang: Annotated[  # noqa: ARG001 - lab.cli.language read it already, before any text was imported
        Literal["en", "uz"] | None, typer.Option(help="Language of everything the lab says: English or Uzbek.")
    ] = None,
) -> None:
    """Learn architecture and system design on running systems: real processes, real faults, every message seen."""
    if ctx.invoked_subcommand is None:
        from lab.cli import guide

        guide.welcome()


app = typer.Typer(
    name="lab",
    cls=Root,
    callback=_lab,
    invoke_without_command=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"$ lab run day3\n\n{tr('Exit codes, faults and environment variables: lab help')}",
)
