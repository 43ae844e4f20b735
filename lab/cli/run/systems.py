"""From what was typed to a System and its scenario."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab.cli import exits
from lab.cli.failure import Failure, unknown

if TYPE_CHECKING:
    from lab.faults.timeline import Scenario
    from lab.system.model import System


def find(name: str) -> System:
    """The System of a day (`day3`) or of a file (`./my-system.toml`). Raises Failure."""
    if name.endswith(".toml") or "/" in name:
        return _from_file(Path(name))
    from lab.course import days

    names = days.names()
    if name not in names:
        raise unknown("day", name, names, next="lab run day3, or lab run ./my-system.toml for a system of your own")
    return days.find(name)


def scenario(system: System, name: str) -> Scenario:
    """The scenario of that name. Raises Failure."""
    from lab.faults import timeline

    if name not in (names := scenario_names(system)):
        raise unknown("scenario", name, names)
    try:
        return timeline.find(Path(system.scenarios or ""), name)
    except timeline.InvalidScenario as problem:
        raise Failure(f'the scenario "{name}" cannot be read', why=str(problem), code=exits.USAGE) from None


def scenario_names(system: System) -> list[str]:
    """Every scenario of the system."""
    from lab.faults import timeline

    return timeline.names(Path(system.scenarios)) if system.scenarios else []


def _from_file(path: Path) -> System:
    from lab.system import toml
    from lab.system.validate import InvalidSystem

    try:
        return toml.load(path)
    except FileNotFoundError:
        close = ", ".join(f"./{other.name}" for other in sorted(Path().glob("*.toml")))
        why = f"TOML files here: {close}" if close else ""
        raise Failure(f"there is no file {path}", why=why, code=exits.USAGE) from None
    except OSError as problem:
        raise Failure(f"{path} cannot be read", why=problem.strerror or str(problem), code=exits.USAGE) from None
    except InvalidSystem as problem:
        raise Failure(f"{path} does not describe a system yet", why=str(problem), code=exits.USAGE) from None
