"""The messages of the lab as its source has them, and the catalogue that answers them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

import lab
from lab.cli.commands import COMMANDS
from lab.cli.run.settings import PANEL
from lab.locale import CATALOGUES, LANGUAGES

ROOT = Path(lab.__file__).parent
TRANSLATED = [language for language in LANGUAGES if language != "en"]
FUNCTIONS = {"tr": 1, "mark": 1, "trn": 2}
"""How many of the first arguments of each are messages."""
PROGRAMS = ("starter", "solution", "wrong")
"""Folders of an exercise whose programs stand for a learner's, and say nothing for the lab."""


def path(language: str) -> Path:
    """Where the language's translations are."""
    return CATALOGUES / language / "LC_MESSAGES" / "lab.po"


def translations(language: str) -> Catalog:
    """What the language has."""
    with path(language).open("rb") as file:
        return read_po(file, locale=language)


def untranslated(catalog: Catalog) -> list[Message]:
    """The messages that the catalogue has no answer to."""
    return [one for one in catalog if one.id and (one.fuzzy or not all(forms(one)))]


def forms(message: Message) -> list[str]:
    """A message's translations: one, or one for each plural form."""
    return [message.string or ""] if isinstance(message.string, str | None) else list(message.string)


def sources() -> Iterator[Path]:
    """Every file of the lab that may say something."""
    for file in sorted(ROOT.rglob("*.py")):
        parts = file.relative_to(ROOT).parts
        if not any(part.partition(".")[0] in PROGRAMS for part in parts[:-1]):
            yield file


def calls(file: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call of `tr`, `trn` and `mark` in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
            yield node.func.id, node


def messages() -> Catalog:
    """Everything that is said: what `tr` and its kin are given, and the help of every command."""
    found = Catalog()
    for file in sources():
        place = file.relative_to(ROOT.parent).as_posix()
        for function, call in calls(file):
            texts = [str(arg.value) for arg in call.args[: FUNCTIONS[function]] if isinstance(arg, ast.Constant)]
            if len(texts) == FUNCTIONS[function]:
                found.add(tuple(texts) if len(texts) > 1 else texts[0], locations=[(place, 0)])
    for place, text in help_texts():
        found.add(text, locations=[(f"lab/cli/{place}.py", 0)])
    return found


def help_texts() -> Iterator[tuple[str, str]]:
    """What the commands say of themselves and their options, with the module of each."""
    from typer.main import get_command

    from lab.cli.app import app

    yield from _help("app", get_command(app))
    for name, entry in COMMANDS.items():
        module = entry.place.partition(":")[0].replace(".", "/")
        yield from _help(module, entry.load(name))


def _help(place: str, command: Any) -> Iterator[tuple[str, str]]:
    for part in (command, *command.params):
        for field in ("help", "rich_help_panel"):
            of_a_day = field == "help" and getattr(part, "rich_help_panel", "") == PANEL  # its file has each language
            if (text := getattr(part, field, None)) and not of_a_day:
                yield place, text
    for inner in getattr(command, "commands", {}).values():
        yield from _help(place, inner)
