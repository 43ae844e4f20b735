"""`lab days`: what there is to run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import complete
from lab.cli.options import Json
from lab.cli.output import out, paint
from lab.course.setting import option
from lab.locale import language, tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.course.day import Day
    from lab.course.setting import Setting
    from lab.faults.timeline import Scenario

EXAMPLES = ("lab days", "lab days day1", "lab days --json | jq '.[].scenarios[].name'")


def days(
    day: Annotated[
        str | None,
        typer.Argument(metavar="[DAY]", help="One of them, with its questions.", autocompletion=complete.days),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the days: what each shows, its settings, its scenarios and what they ask."""
    from lab.course import days as known

    chosen = [known.find(name) for name in ([day] if day else known.names())]
    if as_json:
        import msgspec

        out(msgspec.json.format(msgspec.json.encode([_data(each) for each in chosen])).decode())
        return
    for each in chosen:
        out(f"{paint(each.name, 'name')}  {paint(each.title[language()], 'title')}")
        out(f"      {each.about[language()]}")
        for setting in each.settings.values():
            out(f"  --{_typed(setting)}  {paint(setting.about[language()] + _goes_with(each, setting), 'dim')}")
        for scenario in _scenarios(each):
            out(f"  {scenario.name:<20}  {scenario.title}{paint(_needs(each, scenario), 'dim')}")
            if day:
                for step in scenario.steps:
                    if step.ask:
                        out(paint(f"  {'':<20}  ? {step.ask.text}", "dim"))
        out()
    out(tr("  lab run DAY [--scenario NAME] [--predict]"))


def _scenarios(day: Day) -> Sequence[Scenario]:
    """The one that is played first and those that follow it, then the others by name, each before those that follow."""
    from lab.faults import scenario

    if day.scenarios is None:
        return ()
    found = {name: scenario.find(day.scenarios, name) for name in scenario.names(day.scenarios)}
    following = {one.next for one in found.values()}
    ordered: dict[str, Scenario] = {}
    for name in sorted(found, key=lambda name: (name != day.first, name in following, name)):
        while name in found and name not in ordered:
            ordered[name] = found[name]
            name = found[name].next
    return list(ordered.values())


def _typed(setting: Setting) -> str:
    values = "|".join(setting.values)
    return f"{setting.name} {values}" if values else setting.name


def _goes_with(day: Day, setting: Setting) -> str:
    """The settings that it needs beside it, where these are not the usual ones."""
    needed = [
        f"--{name} {'|'.join(values)}"
        for name, values in setting.needs.items()
        if day.settings[name].usual not in values
    ]
    return f"  ({', '.join(needed)})" if needed else ""


def _needs(day: Day, scenario: Scenario) -> str:
    """The settings without which it is not played, where these are not the usual ones."""
    fixed = [
        option(name, values[0])
        for name, values in scenario.settings.items()
        if len(values) == 1 and values[0] != day.settings[name].usual
    ]
    return f"  ({', '.join(fixed)})" if fixed else ""


def _data(day: Day) -> dict[str, object]:
    return {
        "name": day.name,
        "title": day.title[language()],
        "about": day.about[language()],
        "settings": [
            {
                "name": one.name,
                "values": one.values,
                "several": one.several,
                "needs": one.needs,
                "about": one.about[language()],
            }
            for one in day.settings.values()
        ],
        "scenarios": [
            {
                "name": one.name,
                "title": one.title,
                "seconds": one.duration,
                "settings": one.settings,
                "questions": [step.ask.text for step in one.steps if step.ask],
            }
            for one in _scenarios(day)
        ],
    }
