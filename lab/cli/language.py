"""The language of a command, and of what Typer says in its name.

It is decided first: the texts of help are made when the modules that have them are imported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lab.locale import LANGUAGES, choice, language, mark, tr, trn

OF_TYPER = (
    mark("Usage:"),
    mark("Options"),
    mark("Arguments"),
    mark("Commands"),
    mark("Error"),
    mark("Aborted."),
    mark("[default: {}]"),
    mark("(dynamic)"),
    mark("[required]"),
    mark("Try [blue]'{command_path} {help_option}'[/] for help."),
    mark("Show this message and exit."),
    mark("Missing command."),
    mark("No such command {name!r}."),
)
"""What Typer asks gettext for."""
COMPLAINTS = (
    (r"Missing (?:argument|option|parameter) (.+?)\.", mark("Missing: {0}.")),
    (r"Invalid value for (.+?): (.+)", mark("Invalid value for {0}: {1}")),
    (r"Invalid value: (.+)", mark("Invalid value: {0}")),
    (r"(?:Value error, )?(.+) is not one of (.+)\.", mark("{0} is not one of {1}.")),
    (r"Input should be greater than or equal to (.+)", mark("it should be {0} or more")),
    (r"Input should be greater than (.+)", mark("it should be more than {0}")),
    (r"Input should be less than or equal to (.+)", mark("it should be {0} or less")),
    (r"Input should be a valid integer.*", mark("it should be a whole number")),
    (r"Input should be a valid number.*", mark("it should be a number")),
    (r"No such option: (\S+) \(Possible options: (.+)\)", mark("No such option: {0} (did you mean {1}?)")),
    (r"No such option: (\S+)", mark("No such option: {0}")),
    (r"(.+) Did you mean (.+)\?", mark("{0} Did you mean {1}?")),
    (r"Got unexpected extra argument\(s\) \((.+)\)", mark("Too many arguments: {0}")),
    (r"Option (.+) requires an argument\.", mark("Option {0} requires a value.")),
    (r"Option (.+) does not take a value\.", mark("Option {0} does not take a value.")),
)
"""What it says without asking, and the same to be translated."""


def decide(words: Sequence[str]) -> None:
    """Speak the language that is asked for. Comes before Typer is imported."""
    choice.decide(words)
    if language() != "en":
        import gettext

        gettext.gettext, gettext.ngettext = tr, trn  # type: ignore[assignment]  # Typer binds these by name


def translate(command: Any) -> None:
    """Put what a command, its options and its own commands say of themselves into the language that is spoken.

    They are written in English where the command is, as docstrings and `help=`.
    """
    if language() == "en":
        return
    for part in (command, *command.params):
        for field in ("help", "rich_help_panel"):
            if text := getattr(part, field, None):
                setattr(part, field, tr(text))
    usage = command.get_usage
    command.get_usage = lambda ctx: usage(ctx).replace("Usage:", tr("Usage:"), 1)
    option = command.get_help_option
    command.get_help_option = lambda ctx: _translated(option(ctx))
    for inner in getattr(command, "commands", {}).values():
        translate(inner)


def _translated(option: Any) -> Any:
    if option is not None:
        option.help = tr(option.help)
    return option


@contextmanager
def complaining() -> Iterator[None]:
    """Within it Typer's complaints about the words of a command are in the language that is spoken, and what they say
    of an unknown option is to the point."""
    try:
        yield
    except Exception as error:
        if hasattr(error, "possibilities") and getattr(error, "ctx", None):
            _explain_option(error)
        if language() != "en" and (say := getattr(error, "format_message", None)):
            said = _complaint(say())
            error.format_message = lambda: said  # type: ignore[attr-defined]
        raise


def _explain_option(error: Any) -> None:
    """An option of `lab` itself is told its place. Of others only those are named that are like it without the dashes,
    which are in all of them."""
    from difflib import get_close_matches

    name = error.option_name
    if name == "--version":
        told = tr("{option} stands alone: {example}", option=name, example="lab --version")
    elif name == "--lang":
        example = f"lab --lang {LANGUAGES[-1]} {error.ctx.command_path.partition(' ')[2]}"
        told = tr("{option} stands before the command: {example}", option=name, example=example)
    else:
        likely = error.possibilities or ()
        error.possibilities = [
            one for one in likely if get_close_matches(name.strip("-"), [one.strip("-")], cutoff=0.7)
        ]
        return
    error.message, error.possibilities = told, None


def _complaint(said: str) -> str:
    for pattern, text in COMPLAINTS:
        if match := re.fullmatch(pattern, said, re.DOTALL):
            return tr(text).format(*map(_complaint, match.groups()))
    return said
