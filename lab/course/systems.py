"""From what was typed to a System and its scenario."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from lab.course import days
from lab.course.day import Day
from lab.course.setting import option
from lab.faults import scenario as scenarios
from lab.faults.timeline import Scenario
from lab.locale import tr
from lab.system.model import System
from lab.system.refusal import Refusal, Unknown

UNATTENDED = 20.0
"""Seconds that a run without a screen takes when neither its scenario nor the reader says anything else."""


class OtherSetting(Refusal):
    """A scenario is not to be played with what was chosen."""


class NoSystem(Refusal):
    """A file does not describe a system, or a scenario's file does not describe a scenario."""


def find(name: str, settings: Mapping[str, str] = MappingProxyType({}), played: str | None = None) -> System:
    """The System of a day (`day3`) with these settings, and with those that the scenario to be played needs; or of a
    file (`./my-system.toml`).

    Raises Unknown, NoSystem, NotItsSetting, OtherSetting, NotTogether, and what a day's system raises.
    """
    if name.endswith(".toml") or "/" in name:
        if settings:
            raise days.NotItsSetting(tr("only days have settings, and {name} is a file", name=name))
        return _from_file(Path(name))
    day = days.find(name)
    days.read(day, settings)
    if played is not None:
        needed = _scenario(day.scenarios, played).settings
        settings = {**settings, **_needed(day, played, needed, settings)}
    return days.system(day, settings)


def _needed(day: Day, played: str, needed: Mapping[str, tuple[str, ...]], chosen: Mapping[str, str]) -> dict[str, str]:
    """What the scenario has to set beside what was chosen; of a setting that takes several, its words join those that
    were chosen. Raises OtherSetting if it is not to be played with that."""
    found = dict[str, str]()
    for name, values in needed.items():
        given = chosen.get(name, "")
        if day.settings[name].several:
            found[name] = ",".join(dict.fromkeys([*values, *filter(None, map(str.strip, given.split(",")))]))
        elif not given:
            found[name] = values[0]
        elif given not in values:
            raise OtherSetting(
                tr(
                    "{scenario} cannot be played with {option}",
                    scenario=played,
                    option=option(name, given),
                ),
                tr("It is made for {values}.", values=tr(" or ").join(values)),
            )
    return found


def scenario(system: System, name: str) -> Scenario:
    """The scenario of that name. Raises Unknown, NoSystem."""
    return _scenario(Path(system.scenarios) if system.scenarios else None, name)


def _scenario(folder: Path | None, name: str) -> Scenario:
    names = scenarios.names(folder) if folder else []
    if folder is None or name not in names:
        raise Unknown("scenario", name, names)
    try:
        return scenarios.find(folder, name)
    except scenarios.InvalidScenario as problem:
        raise NoSystem(tr('the scenario "{name}" has mistakes', name=name), str(problem)) from None


def scenario_names(system: System) -> list[str]:
    """Every scenario of the system."""
    return scenarios.names(Path(system.scenarios)) if system.scenarios else []


def unattended(system: System, name: str | None, duration: float | None) -> tuple[str | None, float | None]:
    """Scenario and duration (seconds; None: the scenario's) of a run that nobody steers. Raises Unknown, NoSystem."""
    name = name or system.first or None
    if name is not None:
        scenario(system, name)
        return name, duration
    return None, duration or UNATTENDED


def _from_file(path: Path) -> System:
    from lab.system import toml
    from lab.system.validate import InvalidSystem

    try:
        return toml.load(path)
    except FileNotFoundError:
        close = ", ".join(f"./{other.name}" for other in sorted(Path().glob("*.toml")))
        raise NoSystem(
            tr("there is no file {path}", path=path), tr("TOML files here: {close}", close=close) if close else ""
        ) from None
    except OSError as problem:
        raise NoSystem(tr("{path} cannot be read", path=path), problem.strerror or str(problem)) from None
    except InvalidSystem as problem:
        raise NoSystem(tr("{path} does not describe a system yet", path=path), str(problem)) from None
