"""An exercise as plain frozen data: what is asked of the learner, and what stands around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.grading.model import Behaviour, Figure, Text, WrongService
from lab.system.kinds import engine_kinds
from lab.system.model import HTTP, Service
from lab.system.refusal import Unknown

DATABASE = "db"
"""A link to it gives a service a SQL database of its own, which its replicas share."""

GOLD = 10
"""A gold behaviour adds one part in so many of an exercise's points."""


def engines() -> tuple[str, ...]:
    """Engines that an exercise may ask for, each by the name of its kind: all that services share."""
    return tuple(kind.name for kind in engine_kinds().values() if not kind.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """How a service is started, and built before that. `{service}` stands for its name."""

    run: str
    build: str = ""


COMMANDS: Mapping[str, Command] = {
    "python": Command(run="python -m {service}"),
    "go": Command(build="go build -o bin/{service} .", run="./bin/{service}"),
    "node": Command(run="node main.js"),
}
"""By language, where an exercise says nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RightService:
    """A stored program in another style than the solution's, as somebody else would write it from the brief.

    It must pass as the solution does: so is an unjust check found. `packages` are what it imports beside Python's own
    library; where one is missing it is not graded.
    """

    name: str
    command: Command
    packages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerService:
    """A service that the learner writes.

    `links` are stubs, engines, `db` or other services of the exercise; `users:grpc` is one to another endpoint than
    HTTP. `variables` are by link those that hold its address, where they are not the usual ones. `endpoints` are what
    it listens on. `carries` is the exercise whose service of the same name goes on here.
    """

    name: str
    links: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    endpoints: tuple[str, ...] = (HTTP,)
    replicas: int = 1
    carries: str = ""
    adds: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def instances(self) -> tuple[str, ...]:
        """The names of all its processes."""
        return Service(name=self.name, replicas=self.replicas if self.replicas > 1 else None).instances

    @property
    def port_variables(self) -> dict[str, str]:
        """The variable in which it finds the port of each endpoint."""
        return Service(name=self.name, endpoints=self.endpoints).port_variables


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer to a request. `body` is its shape, `code` that of a problem; `says` is by language when it comes, or
    what it holds; empty where its status says enough."""

    status: int
    code: str = ""
    body: str = ""
    says: Text = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A request (`POST /users {email, name}`) with its answers: the one that is hoped for, then the others."""

    request: str
    answers: tuple[Reply, ...]
    part: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """One graded task. `minutes` are the learner's, `budget` is seconds of a grading, `size` lines of our solution.

    `options` are by engine what stands at the end of its address (`?heartbeat=2`), in place of what its kind says, and
    `topics` those that its engine with topics has from the start, with how many partitions.
    With a `branch` what is committed on that git branch is graded, and not the files of the workspace.
    `commands` are programs of the learner's that are no services: a check runs one, and looks at what it prints.
    """

    id: str
    folder: Path
    title: Text
    kind: str
    points: int
    minutes: int
    size: int
    budget: float
    concepts: tuple[str, ...]
    needs: tuple[str, ...]
    engines: tuple[str, ...]
    stubs: tuple[str, ...]
    services: tuple[LearnerService, ...]
    run: Mapping[str, Command]
    behaviours: tuple[Behaviour, ...]
    not_proved: Text
    contract: tuple[Promise, ...] = ()
    figures: tuple[Figure, ...] = ()
    wrong: tuple[WrongService, ...] = ()
    right: tuple[RightService, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    branch: str = ""
    topics: Mapping[str, int] = field(default_factory=dict)
    commands: tuple[LearnerService, ...] = ()

    @property
    def programs(self) -> tuple[LearnerService, ...]:
        """All that the learner writes: each has a folder and an entry in `lab.toml`."""
        return (*self.services, *self.commands)

    @property
    def day(self) -> str:
        return self.id.partition(".")[0]

    @property
    def number(self) -> str:
        """`5.3`."""
        return self.id.removeprefix("day")

    @property
    def slug(self) -> str:
        return self.folder.name.replace("_", "-")

    @property
    def checks(self) -> Path:
        return self.folder / "checks.py"

    @property
    def order(self) -> tuple[int, int]:
        """Its place in the course."""
        day, _, number = self.number.partition(".")
        return int(day), int(number)

    def earned(self, gold: int) -> int:
        """The points of a pass that proved so many gold behaviours: each adds a tenth."""
        return self.points + gold * max(1, self.points // GOLD)

    @property
    def best(self) -> int:
        """The most that can be earned."""
        return self.earned(sum(behaviour.gold for behaviour in self.behaviours))

    def service(self, name: str) -> LearnerService:
        """Raises Unknown."""
        for service in self.services:
            if service.name == name:
                return service
        raise Unknown("service", name, [service.name for service in self.services])

    def behaviour(self, ident: str) -> Behaviour:
        """Raises Unknown."""
        for behaviour in self.behaviours:
            if behaviour.id == ident:
                return behaviour
        raise Unknown("behaviour", ident, [behaviour.id for behaviour in self.behaviours])
