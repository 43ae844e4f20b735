"""What the lab does not bring along: packages that some services in Python need, and the command that brings each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from lab.locale import tr
from lab.system.kinds import engine_kinds, protocols
from lab.system.model import CLIENT, System
from lab.system.refusal import Refusal


class MissingExtra(Refusal):
    """A service needs a package that is not installed; `command` brings it."""

    def __init__(self, why: str, command: str) -> None:
        super().__init__(tr("a package is missing"), why)
        self.command = command


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What became of importing a `driver`, which is needed for some protocol or some kind of engine: its `version`, or
    a `problem` and the command that helps."""

    needed_for: str
    driver: str
    version: str = ""
    problem: str = ""
    command: str = ""


def missing(module: str) -> bool:
    """Whether a module is needed and not installed."""
    try:
        return bool(module) and find_spec(module) is None
    except ModuleNotFoundError:  # the package that it is in
        return True


def must_have(system: System, *, client: bool = False) -> None:
    """Raises MissingExtra unless all is there that the lab's own services need to speak to each other, and with
    `client` the lab itself to speak as one."""
    for link in system.links:
        spoken = protocols()[link.protocol]
        ends = (system.service(link.source), system.service(link.target))
        ours = (client and link.source == CLIENT) or any(end is not None and end.module and not end.dir for end in ends)
        lacking = [driver for driver in spoken.drivers if missing(driver)]
        if not (ours and lacking):
            continue
        why = tr(
            "services in Python speak {protocol} with {missing}, which is not installed; to get it: {driver}",
            protocol=spoken.name,
            missing=tr(" and ").join(lacking),
            driver=spoken.install,
        )
        raise MissingExtra(why, spoken.install)


def tried() -> Iterator[Tried]:
    """What the lab does not bring along, imported: each driver once."""
    wanted = [(one.name, driver, one.install) for one in protocols().values() for driver in one.drivers]
    wanted += [(kind.name, driver, kind.driver) for kind in engine_kinds().values() for driver in kind.drivers.values()]
    once = {driver: (name, driver, command) for name, driver, command in reversed(wanted)}
    return (_try(*one) for one in reversed(once.values()))


def _try(name: str, driver: str, command: str) -> Tried:
    try:
        module = import_module(driver)
    except ImportError as error:
        return Tried(needed_for=name, driver=driver, problem=str(error), command=command)
    version = str(getattr(module, "__version__", ""))
    return Tried(needed_for=name, driver=driver, version=f"{driver} {version}".strip())
