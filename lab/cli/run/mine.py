"""`lab run day3 --mine`: the day's system with the learner's services in place of the reference ones."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from lab.cli import exits
from lab.cli.failure import Failure
from lab.cli.output import say

if TYPE_CHECKING:
    from lab.system.model import Service, System


def with_mine(system: System) -> System:
    """The system with each service that the learner has written, in its newest version. Raises Failure."""
    from lab.cli.exercise import exercise_names as named
    from lab.cli.exercise import workspace as place
    from lab.course.assignment import start
    from lab.course.workspace import newest

    written = newest(place.workspace(), named.every())
    services: list[Service] = []
    for service in system.services:
        if service.name not in written or service.role == "stub":
            services.append(service)
            continue
        exercise, source = written[service.name]
        module, command = start(source)
        services.append(replace(service, module=module, command=command, dir=str(source.dir.absolute()), exec=False))
        say(f"{service.name} is yours, from {exercise.id} ({os.path.relpath(source.dir)})")
    if services == list(system.services):
        names = ", ".join(service.name for service in system.services if service.role == "service")
        raise Failure(f"you have none of {system.name}'s services yet", why=f"It has: {names}", code=exits.USAGE)
    return replace(system, services=tuple(services))
