"""What the lab does not bring along: packages that some services in Python need, and the command that brings each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from lab.locale import tr
from lab.system.kinds import Protocol, protocols
from lab.system.model import System
from lab.system.refusal import Refusal


class MissingExtra(Refusal):
    """A service needs a package that is not installed; `command` brings it."""

    def __init__(self, why: str, command: str) -> None:
        super().__init__(tr("a package is missing"), why)
        self.command = command


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What became of importing what a protocol needs: its `version`, or a `problem` and the command that helps."""

    protocol: str
    version: str = ""
    problem: str = ""
    command: str = ""


def missing(module: str) -> bool:
    """Whether a module is needed and not installed."""
    try:
        return bool(module) and find_spec(module) is None
    except ModuleNotFoundError:  # the package that it is in
        return True


def must_have(system: System) -> None:
    """Raises MissingExtra unless all is there that the lab's own services need to speak to each other."""
    for link in system.links:
        spoken = protocols()[link.protocol]
        ends = (system.service(link.source), system.service(link.target))
        ours = any(end is not None and end.module and not end.dir for end in ends)
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
    """What each protocol needs, imported."""
    return (_try(spoken) for spoken in protocols().values() if spoken.drivers)


def _try(spoken: Protocol) -> Tried:
    try:
        found = {driver: import_module(driver) for driver in spoken.drivers}
    except ImportError as error:
        return Tried(protocol=spoken.name, problem=str(error), command=spoken.install)
    versions = (f"{name} {getattr(module, '__version__', '')}".strip() for name, module in found.items())
    return Tried(protocol=spoken.name, version=", ".join(versions))
