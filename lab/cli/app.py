"""All commands of `lab` and what holds for each of them: how it fails, how it is interrupted, how its reader leaves."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from lab import __version__
from lab.cli import dash, doctor, down, exits, faults, guide, load, logs, ps, replay, run, runs, tap, trace
from lab.cli.failure import Failure
from lab.cli.output import out, say


class Root(TyperGroup):
    """Turns a Failure into its message and exit code, a reader that left (`| head`) into a quiet end."""

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except Failure as failure:
            say(str(failure))
            raise typer.Exit(failure.code) from None
        except BrokenPipeError:
            # What is still buffered has no reader; Python must not complain about that at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(exits.OK) from None
        except KeyboardInterrupt:
            raise typer.Exit(exits.INTERRUPTED) from None
        return result


def _version(asked: bool) -> None:
    if asked:
        out(f"lab {__version__}")
        raise typer.Exit


def _lab(
    ctx: typer.Context,
    version: Annotated[  # noqa: ARG001 - it acts in its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Learn architecture and system design on running systems: real processes, real faults, every message seen."""
    if ctx.invoked_subcommand is None:
        guide.welcome()


app = typer.Typer(
    name="lab",
    cls=Root,
    callback=_lab,
    invoke_without_command=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="$ lab run day3\n\nExit codes, faults and environment variables: lab help",
)
_fault = typer.Typer(
    name="fault",
    help="Disturb the run: add faults, list them, heal them.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    epilog="$ lab fault add latency orders:payments 300ms --for 30s",
)


def _examples(examples: Sequence[str]) -> str:
    """Examples as Typer's help prints them, each on a line of its own and none read as markup."""
    return "\n".join("$ " + example.replace("[", r"\[") for example in examples)


def _add(name: str, command: Callable[..., None], panel: str, examples: Sequence[str], to: typer.Typer = app) -> None:
    to.command(name, rich_help_panel=panel, epilog=_examples(examples))(command)


RUNNING, LOOKING, DISTURBING, HELP = "Run a system", "Look at it", "Disturb it", "Help"

_add("run", run.run, RUNNING, run.EXAMPLES)
_add("down", down.down, RUNNING, down.EXAMPLES)
_add("runs", runs.runs, RUNNING, runs.EXAMPLES)
_add("replay", replay.replay, RUNNING, replay.EXAMPLES)
_add("dash", dash.dash, LOOKING, dash.EXAMPLES)
_add("ps", ps.ps, LOOKING, ps.EXAMPLES)
_add("logs", logs.logs, LOOKING, logs.EXAMPLES)
_add("trace", trace.trace, LOOKING, trace.EXAMPLES)
app.add_typer(_fault, rich_help_panel=DISTURBING)
_add("add", faults.add, "Commands", faults.ADD_EXAMPLES, to=_fault)
_add("list", faults.list_, "Commands", faults.LIST_EXAMPLES, to=_fault)
_add("heal", faults.heal, "Commands", faults.HEAL_EXAMPLES, to=_fault)
_add("kinds", faults.kinds, "Commands", faults.KINDS_EXAMPLES, to=_fault)
_add("load", load.load, DISTURBING, load.EXAMPLES)
_add("tap", tap.tap, DISTURBING, tap.EXAMPLES)
_add("doctor", doctor.doctor, HELP, doctor.EXAMPLES)
_add("help", guide.help_, HELP, guide.EXAMPLES)
