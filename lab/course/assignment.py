"""An exercise with somebody's services in it becomes an Assignment, which the grader takes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.course.exercise import DATABASE, Command, Exercise, LearnerService
from lab.course.links import headings
from lab.grading.model import Assignment, Branch, Build, Tool
from lab.system.command import argv
from lab.system.kinds import engine_kinds
from lab.system.model import CLIENT, HTTP, Engine, Link, Service, System
from lab.system.refusal import Unknown

ANY_PORT = "127.0.0.1:0"
"""The address of a stub before the grader starts it."""
MEMORY = 512
"""MiB of memory that a learner's service and its children may use."""
OUTPUT = 10
"""MB that a service may write to stdout and stderr; the rest is dropped."""
PYTHON = ("python", "python3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One service's program: the folder it lives in, and the commands that build and run it there.

    `shown` is the folder's path in the learner's workspace, if it is there.
    """

    dir: Path
    run: str
    build: str = ""
    shown: str = ""

    def builds(self, service: str) -> tuple[Build, ...]:
        """How it is built, if it is."""
        if not self.build:
            return ()
        return (Build(service=service, dir=str(self.dir), command=self.build, shown=self.shown),)


def sources(exercise: Exercise, folder: Path, language: str = "python") -> dict[str, Source]:
    """The programs of `folder` (a starter or a solution), which has one folder a program.

    Raises Unknown for a language in which the exercise does not say how its services are run.
    """
    if language not in exercise.run:
        raise Unknown("language", language, exercise.run)
    return run_by(exercise.run[language], exercise, folder)


def run_by(command: Command, exercise: Exercise, folder: Path) -> dict[str, Source]:
    """The programs of `folder`, each built and run by the same command."""
    return {
        program.name: Source(
            dir=folder / program.name,
            run=command.run.replace("{service}", program.name),
            build=command.build.replace("{service}", program.name),
        )
        for program in exercise.programs
    }


def assignment(exercise: Exercise, programs: Mapping[str, Source], branch: Branch | None = None) -> Assignment:
    """The grader's input. `programs` must have a Source for every program of the exercise."""
    return Assignment(
        id=exercise.id,
        title=exercise.title,
        system=system(exercise, programs),
        learners=tuple(service.name for service in exercise.services),
        checks=exercise.checks,
        behaviours=exercise.behaviours,
        stubs=exercise.stubs,
        wrong=exercise.wrong,
        builds=tuple(build for program in exercise.programs for build in programs[program.name].builds(program.name)),
        tools=tuple(_tool(command.name, programs[command.name]) for command in exercise.commands),
        not_proved=exercise.not_proved,
        figures=exercise.figures,
        budget=exercise.budget,
        branch=branch,
        screens=headings([*(one.read for one in exercise.behaviours), *(one.read for one in exercise.wrong)]),
    )


def system(exercise: Exercise, programs: Mapping[str, Source]) -> System:
    """The topology in which the services are graded: every address that they get is a tap's."""
    services = [_service(service, programs[service.name]) for service in exercise.services]
    stubs = [
        Service(name=name, address=ANY_PORT, role="stub", ready="tcp", endpoints=(_spoken_with(name, exercise),))
        for name in exercise.stubs
    ]
    engines = [
        Engine(name=name, kind=name, topics=exercise.topics if engine_kinds()[name].topics else {})
        for name in exercise.engines
    ]
    if any(DATABASE in service.links for service in exercise.services):
        engines.append(Engine(name=DATABASE, kind="sql"))
    return System(
        name=exercise.id.replace(".", "-"),
        title=exercise.title["en"],
        services=(*services, *stubs),
        engines=tuple(engines),
        links=tuple(link for service in exercise.services for link in links(exercise, service)),
    )


def _spoken_with(stub: str, exercise: Exercise) -> str:
    """The endpoint of a stub: the one that the services are linked to."""
    linked = (link.partition(":") for service in exercise.services for link in service.links)
    return next((endpoint for target, _, endpoint in linked if target == stub and endpoint), HTTP)


def _service(service: LearnerService, source: Source) -> Service:
    module, command = start(source)
    return Service(
        name=service.name,
        module=module,
        command=command,
        dir=str(source.dir.absolute()),
        env=service.env,
        endpoints=service.endpoints,
        ready="/readyz",
        restart="never",
        start="on-request",
        replicas=service.replicas if service.replicas > 1 else None,
        memory=MEMORY,
        output=OUTPUT,
    )


def _tool(name: str, source: Source) -> Tool:
    module, command = start(source)
    return Tool(name=name, dir=str(source.dir.absolute()), argv=command or (sys.executable, "-m", str(module)))


def start(source: Source) -> tuple[str | None, tuple[str, ...]]:
    """The module that can be forked warm, or the argv that is executed.

    A folder with a `.venv` brings its own Python and packages.
    """
    words = argv(source.run)
    own = source.dir.absolute() / ".venv" / "bin" / "python"
    if words[0] in PYTHON:
        if own.exists():
            return None, (str(own), *words[1:])
        if words[1:2] == ("-m",) and len(words) == 3:
            return words[2], ()
        return None, (sys.executable, *words[1:])
    return None, words


def links(exercise: Exercise, service: LearnerService) -> Iterator[Link]:
    """Those to the service and from it. Checks address each instance for itself, so clients have one to every one."""
    for instance in service.instances:
        for endpoint in service.endpoints:
            named = "" if endpoint == HTTP else endpoint
            yield Link(source=CLIENT, target=instance, endpoint=named, protocol=endpoint, wait="no")
    for target in service.links:
        if target == DATABASE:
            yield Link(source=service.name, target=DATABASE, protocol="sql", wait="no")
        elif target in exercise.engines:
            kind = engine_kinds()[target]
            options = exercise.options.get(target, kind.options)
            yield Link(source=service.name, target=target, protocol=kind.protocols[0], wait="no", suffix=options)
        else:
            provider, _, endpoint = target.partition(":")
            env = service.variables.get(target, "")
            yield Link(
                source=service.name, target=provider, endpoint=endpoint, protocol=endpoint or HTTP, env=env, wait="no"
            )
