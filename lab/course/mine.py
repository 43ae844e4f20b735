"""A day's system with the learner's services in place of the reference ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lab.course.assignment import Source, sources, start
from lab.course.exercise import Exercise
from lab.course.records import fingerprint
from lab.course.variants import variants
from lab.course.workspace import Workspace, newest
from lab.grading.model import Build
from lab.locale import tr
from lab.system.inside import hears
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
        return self.source.builds(self.service)


def with_mine(system: System, here: Workspace, known: Sequence[Exercise]) -> tuple[System, list[Taken]]:
    """The system with each service that the learner has written, in its newest version; a starter that nobody has
    touched is not theirs, and does not do the work yet. Raises NoneOfYours."""
    written = newest(here, known)
    services: list[Service] = []
    taken: list[Taken] = []
    for service in system.services:
        if service.name not in written or service.role == "stub" or _untouched(service.name, *written[service.name]):
            services.append(service)
            continue
        exercise, source = written[service.name]
        module, command = start(source)
        folder = str(source.dir.absolute())
        services.append(
            replace(service, module=module, command=command, dir=folder, exec=False, mine=True, hears=_heard(service))
        )
        taken.append(Taken(service.name, exercise, source))
    if not taken:
        raise NoneOfYours(system)
    return replace(system, services=tuple(services)), taken


def _heard(service: Service) -> bool:
    return bool(service.module) and hears(service.module or "")


def _untouched(service: str, exercise: Exercise, source: Source) -> bool:
    """Whether it is still a starter of the exercise, word for word."""
    starters = [variant for variant in variants(exercise) if variant.kind == "starter"]
    given = (sources(exercise, exercise.folder / starter.name).get(service) for starter in starters)
    mine = fingerprint({service: source})
    return any(mine == fingerprint({service: theirs}) for theirs in given if theirs)
