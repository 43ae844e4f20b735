"""A day's system with the learner's services in place of the reference ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lab.course import days, systems
from lab.course.assignment import Source, sources, start
from lab.course.exercise import Exercise
from lab.course.records import fingerprint
from lab.course.setting import option
from lab.course.variants import variants
from lab.course.workspace import Workspace, newest
from lab.grading.model import Build
from lab.locale import tr
from lab.system.inside import hears
from lab.system.model import Service, System
from lab.system.refusal import Refusal

GRPC = "grpc"


class NoneOfYours(Refusal):
    """The learner has not written any of the system's services."""

    def __init__(self, system: System) -> None:
        names = ", ".join(service.name for service in system.services if service.role == "service")
        super().__init__(
            tr("you have not written any service of {name} yet", name=system.name),
            tr("Its services are {names}.", names=names),
        )


class AsksOtherwise(Refusal):
    """A service of the learner's asks its neighbours as this system has it in another setting."""

    def __init__(self, taken: Taken, name: str, settings: Mapping[str, str]) -> None:
        typed = " ".join(option(*one) for one in settings.items())
        super().__init__(
            tr("your {service} of {id} asks by gRPC", service=taken.service, id=taken.exercise.id),
            tr("This system has nobody for it to ask so: lab run {day} --mine {settings}", day=name, settings=typed)
            if typed
            else tr("This system has nobody for it to ask so."),
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


def mixed(
    name: str, settings: Mapping[str, str], played: str | None, here: Workspace, known: Sequence[Exercise]
) -> tuple[System, list[Taken], dict[str, str]]:
    """The system of that name with the learner's services, and the settings in which they find whom they ask: of those
    that nobody chose. Raises NoneOfYours, AsksOtherwise, and what `systems.find` raises."""
    system, taken = with_mine(systems.find(name, settings, played), here, known)
    lost = next((one for one in taken if _finds_nobody(one, system)), None)
    if lost is None:
        return system, taken, {}
    for one in days.find(name).settings.values() if name in days.names() else ():
        for value in one.values:
            found = {one.name: value}
            other, taken = with_mine(systems.find(name, {**settings, **found}, played), here, known)
            if any(_finds_nobody(each, other) for each in taken):
                continue
            if one.name in settings:
                raise AsksOtherwise(lost, name, {**settings, **found})
            return other, taken, found
    raise AsksOtherwise(lost, name, {})


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
        mine = replace(service, module=module, command=command, dir=str(source.dir.absolute()), exec=False, mine=True)
        listens = exercise.service(service.name).endpoints
        services.append(
            replace(mine, hears=_heard(service), endpoints=tuple(dict.fromkeys((*service.endpoints, *listens))))
        )
        taken.append(Taken(service.name, exercise, source))
    if not taken:
        raise NoneOfYours(system)
    return replace(system, services=tuple(services)), taken


def _finds_nobody(taken: Taken, system: System) -> bool:
    """Whether the service asks by gRPC, and the system tells it of nobody whom it could ask so."""
    asks = any(link.endswith(f":{GRPC}") for link in taken.exercise.service(taken.service).links)
    return asks and not any(link.source == taken.service and link.protocol == GRPC for link in system.links)


def _heard(service: Service) -> bool:
    return bool(service.module) and hears(service.module or "")


def _untouched(service: str, exercise: Exercise, source: Source) -> bool:
    """Whether it is still a starter of the exercise, word for word."""
    starters = [variant for variant in variants(exercise) if variant.kind == "starter"]
    given = (sources(exercise, exercise.folder / starter.name).get(service) for starter in starters)
    mine = fingerprint({service: source})
    return any(mine == fingerprint({service: theirs}) for theirs in given if theirs)
