"""The topology of a System as plain frozen data; everything else about a run is derived from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from lab.system.entity import Entity
from lab.system.kinds import protocols, relays
from lab.system.links import link_id

Wait = Literal["ready", "started", "no"]
Restart = Literal["always", "on-failure", "never"]
Role = Literal["service", "stub"]
Start = Literal["with-run", "on-request"]

HTTP = "http"
"""The endpoint that a service has if nothing else is said."""
CLIENT = "client"
"""The outside world: a Link may start here, and the load generator then travels on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A program of the system. Exactly one of `module`, `command` and `address` says what it is.

    `module` is run as `python -m module` by the fork server, or plainly with `exec`; `command` is an argv. What has an
    `address` (`127.0.0.1:4711`) runs already, elsewhere: it is asked whether it is ready, and taps lead to it.
    It listens on its `endpoints`, of which the first is the usual one, and is told everything by its environment:
    `HOST`, `PORT` for the endpoint `http` and `GRPC_PORT` for one called `grpc`, `SERVICE_NAME`, `INSTANCE_ID`, one URL
    a Link, and `env`.
    `ready` is an HTTP path that answers 200 (its other ports must be open by then), `tcp` (all its ports are open) or
    `started` (the process lives).
    A `stub` stands for a system of somebody else's (a payment provider, a mail server) and is drawn as such.
    One that starts `on-request` waits for somebody to ask for it; the run is ready without it. Of its `replicas` each
    is a process with ports and an INSTANCE_ID of its own; they share SERVICE_NAME and database, and stand behind a
    balancer on every link that leads to the service. One with replicas, be it a single one, is scaled while it runs;
    None: it is one process and stays one.
    """

    name: str
    module: str | None = None
    command: tuple[str, ...] = ()
    address: str | None = None
    dir: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    exec: bool = False
    endpoints: tuple[str, ...] = (HTTP,)
    ready: str = "/readyz"
    restart: Restart = "on-failure"
    start: Start = "with-run"
    replicas: int | None = None
    memory: int | None = None
    """MiB that it may have in memory with all its descendants; above, they are killed."""
    output: int | None = None
    """MB that one life of it may write to stdout and stderr; what is above is left out of the journal."""
    role: Role = "service"
    mine: bool = False
    """Whether it is the learner's own, in place of one of ours."""
    hears: bool = False
    """Whether ours, in whose place it stands, hears events through the broker."""
    summary: str = ""

    @property
    def instances(self) -> tuple[str, ...]:
        """The names of its processes: its own, or `users-1`, `users-2` ... where it has replicas."""
        if self.replicas is None:
            return (self.name,)
        return tuple(f"{self.name}-{number}" for number in range(1, self.replicas + 1))

    def is_instance(self, name: str) -> bool:
        """Whether a process of that name is one of its instances, or would be if there were more of them."""
        if self.replicas is None:
            return name == self.name
        return name.startswith(f"{self.name}-") and name.removeprefix(f"{self.name}-").isdecimal()

    @property
    def port_variables(self) -> dict[str, str]:
        """The variable in which it finds the port of each endpoint."""
        return {name: "PORT" if name == HTTP else f"{_variable(name)}_PORT" for name in self.endpoints}


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A store or a broker that services share or own; its `kind` is one of `lab.system.kinds.engine_kinds`."""

    name: str
    kind: str
    restart: Restart = "always"
    summary: str = ""
    topics: Mapping[str, int] = field(default_factory=dict)
    """Topics that are there from the start, with how many partitions each has, where the kind has such. Others are made
    as they are first used, and on an engine by URL all are: that one is not the lab's to set up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A directed link consumer -> provider. The consumer gets the address of the Link's tap in the variable `env`.

    It goes to the provider's usual endpoint, or to `endpoint`; `protocol` is one of `lab.system.kinds.protocols`. Of a
    provider with replicas it goes to each in turn, or to the one instance that `target` names (`users-2`).
    `suffix` is added to the URL (`?heartbeat=5`, `/0`). `wait` says what the consumer's start waits for.
    """

    source: str
    target: str
    protocol: str
    endpoint: str = ""
    env: str = ""
    wait: Wait = "ready"
    suffix: str = ""
    summary: str = ""

    @property
    def id(self) -> str:
        return link_id(self.source, self.target, self.endpoint)

    @property
    def variable(self) -> str:
        """The environment variable that carries the URL: what `env` says, or the usual one of the protocol."""
        known = protocols().get(self.protocol)
        name = self.target if self.endpoint in ("", HTTP) else f"{self.target}-{self.endpoint}"
        return self.env or (known.variable if known else "") or f"{_variable(name)}_URL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request of a Journey, sent to `service` over the Link client -> service.

    Strings in `path` and `json` may hold placeholders: `{n}` (the journey's number), `{uuid}`, `{int:1000:90000}`,
    `{choice:a|b}`, `{pick:POOL}` (a value that an earlier answer put into POOL) and `{own:POOL}` (what an earlier
    request of this very visitor put there). A string that is one placeholder only takes the value's own type. `save`
    puts a field of a 2xx JSON answer into a pool: {"user": "id"}. Statuses in `accepts` are no failure either: a wallet
    that holds too little is a 409, and nobody's fault.
    """

    method: str
    service: str
    path: str
    json: Any = None
    save: Mapping[str, str] = field(default_factory=dict)
    accepts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """What one visitor does, as requests in order; `weight` is its share of all journeys. One of weight 0 is made only
    when a scenario sends visitors on it, or another needs its pool.

    A journey that picks from a pool which is still empty is replaced by one that fills it.
    """

    name: str
    requests: tuple[Request, ...]
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Services, engines and the directed links between them, what visitors do, and what the business counts. `name` is
    what `lab run` takes."""

    name: str
    title: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    """What was chosen when it was made, by name: `{"saga": "orchestration"}`."""
    services: tuple[Service, ...] = ()
    engines: tuple[Engine, ...] = ()
    links: tuple[Link, ...] = ()
    journeys: tuple[Journey, ...] = ()
    entities: tuple[Entity, ...] = ()
    first: str = ""
    """The scenario that a run which nobody steers plays if none is named."""
    scenarios: str | None = None
    """Folder with the system's scenario files, absolute."""
    measures: str = ""
    """The module of the functions that measure a stretch of its runs (`lab.journal.window`), by name."""
    panels: tuple[str, ...] = ()
    """The panels that its dashboard shows, by name and in order. None named: what `panels_shown` derives."""

    def service(self, name: str) -> Service | None:
        """The service that is called so, or one of whose instances is, now or after it was scaled."""
        named = next((service for service in self.services if name == service.name), None)
        return named or next((service for service in self.services if service.is_instance(name)), None)

    def instances(self, name: str) -> tuple[str, ...]:
        """The processes that the name of a service, an instance or an engine stands for."""
        service = self.service(name)
        return service.instances if service is not None and name == service.name else (name,)

    def scaled(self, name: str, replicas: int) -> System:
        """The same with so many instances of the replicated service called `name`."""
        services = (replace(one, replicas=replicas) if one.name == name else one for one in self.services)
        return replace(self, services=tuple(services))

    @property
    def panels_shown(self) -> tuple[str, ...]:
        """The named panels, or the usual ones: those about queues only where there is a message broker."""
        queues = ("queues",) if any(relays(engine.kind) for engine in self.engines) else ()
        return self.panels or ("flows", "entities", *queues, "processes", "logs", "faults", "notes")


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")
