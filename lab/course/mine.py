"""A day's system with the learner's services in place of the reference ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lab.course.assignment import Source, start
from lab.course.exercise import Exercise
from lab.course.workspace import Workspace, newest
from lab.grading.model import Build
from lab.locale import tr
from lab.system.model import Service, System
from lab.system.refusal import Refusal


class NoneOfYours(Refusal):
    """The learner has not written any of the system's services."""

    def __init__(self, system: System) -> None:
        names = ", ".join(service.name for service in system.services if service.role == "service")
        super().__init__(
            tr("you have not written any service of {name} yet", name=system.name),
            tr("Its services are {names}.", names=names),
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """A service of the learner's that stands in the system, and the exercise that it is from."""

    service: str
    exercise: Exercise
    source: Source

    @property
    def builds(self) -> tuple[Build, ...]:
        """How it is built, if it is."""
        command = self.source.build
        return (Build(service=self.service, dir=str(self.source.dir), command=command),) if command else ()


def with_mine(system: System, here: Workspace, known: Sequence[Exercise]) -> tuple[System, list[Taken]]:
    """The system with each service that the learner has written, in its newest version. Raises NoneOfYours."""
    written = newest(here, known)
    services: list[Service] = []
    taken: list[Taken] = []
    for service in system.services:
        if service.name not in written or service.role == "stub":
            services.append(service)
            continue
        exercise, source = written[service.name]
        module, command = start(source)
        folder = str(source.dir.absolute())
        services.append(replace(service, module=module, command=command, dir=folder, exec=False, mine=True))
        taken.append(Taken(service.name, exercise, source))
    if not taken:
        raise NoneOfYours(system)
    return replace(system, services=tuple(services)), taken
