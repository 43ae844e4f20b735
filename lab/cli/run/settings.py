"""The settings of the days as options of a command: `lab run day3 --saga orchestration`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any

import typer

from lab.course import setting
from lab.course.setting import Setting
from lab.locale import language, mark

PANEL = mark("Settings of a day")


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """The command, which takes `settings` (texts by name), with an option for each setting that any day has.

    Options are made from the days' files when the command is loaded, so that a new day's are found by help and
    completion.
    """
    settings = setting.known()

    @wraps(command)
    def told(**given: Any) -> None:
        chosen = {name: given.pop(_parameter(name)) for name in settings}
        command(**given, settings={name: _text(value) for name, value in chosen.items() if value not in (None, False)})

    own = [one for one in signature(command, eval_str=True).parameters.values() if one.name != "settings"]
    parameters = [*own, *(_option(name, of) for name, of in settings.items())]
    told.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # what Typer reads
    told.__annotations__ = {one.name: one.annotation for one in parameters}
    return told


def _option(name: str, of: Mapping[str, Setting]) -> Parameter:
    first = next(iter(of.values()))
    values = "|".join(dict.fromkeys(word for one in of.values() for word in one.values))
    option = typer.Option(
        f"--{name}",
        metavar=f"{values}[,…]" if first.several else values or None,
        help=_about(of),
        rich_help_panel=PANEL,
        autocompletion=_completer(name) if values else None,
    )
    kind: Any = str | None if values else bool
    return Parameter(
        _parameter(name), Parameter.KEYWORD_ONLY, default=None if values else False, annotation=Annotated[kind, option]
    )


def _about(of: Mapping[str, Setting]) -> str:
    """What the setting is in each day, said once for those that say the same: `day4, day5: ...; day1: ...`."""
    days: dict[str, list[str]] = {}
    for day, one in of.items():
        days.setdefault(one.about.get(language(), ""), []).append(day)
    return "; ".join(f"{', '.join(names)}: {about}" for about, names in days.items())


def _completer(name: str) -> Callable[[typer.Context, str], list[str]]:
    def offer(ctx: typer.Context, incomplete: str) -> list[str]:
        return [word for word in _values(name, _days(ctx.params)) if word.startswith(incomplete)]

    return offer


def _days(given: Mapping[str, Any]) -> list[str]:
    """What was typed before, of a command that takes one day or several."""
    return [str(day) for day in given.get("days") or [given.get("day")] if day]


def _values(name: str, chosen: list[str]) -> Iterator[str]:
    """Those of the chosen days, or of all days as long as none is chosen."""
    for day, one in setting.known().get(name, {}).items():
        if not chosen or day in chosen:
            yield from one.values


def _parameter(name: str) -> str:
    return name.replace("-", "_")


def _text(value: str | bool) -> str:
    return setting.ON if value is True else str(value)
