"""Refuses a System that cannot run, and says of every problem where it is and what would be right."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from lab.locale import tr
from lab.system.entity import Mood
from lab.system.kinds import engine_kinds, protocols
from lab.system.model import CLIENT, HTTP, Engine, Link, Restart, Role, Service, Start, System, Wait
from lab.system.names import did_you_mean, instead
from lab.system.order import waiting_cycle

NAME = re.compile(r"[a-z][a-z0-9-]*")
TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
MOST_PARTITIONS = 100
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PICK = re.compile(r"\{pick:([^{}]*)\}")
ADDRESS = re.compile(r"[^\s:/@]+:(\d{1,5})")
RUNS_HERE = ("dir", "env", "exec", "restart", "start", "replicas", "memory", "output")
"""What can only be said of a service that the lab starts."""
GIVEN = frozenset({"HOST", "PORT", "SERVICE_NAME", "INSTANCE_ID"})
"""Variables that the lab itself sets for every service."""


class InvalidSystem(ValueError):
    """The declaration is wrong. `problems` holds one sentence each, beginning with the place."""

    def __init__(self, problems: Sequence[str], where: str = "") -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{where}{problem}" for problem in self.problems))


def validate(system: System) -> None:
    """Raise InvalidSystem listing every problem of the declaration, or return."""
    problems = [
        *_names(system),
        *(p for i, service in enumerate(system.services) for p in _service(f"services[{i}]", service)),
        *_replicas(system),
        *(p for i, engine in enumerate(system.engines) for p in _engine(f"engines[{i}]", engine)),
        *_links(system),
        *_journeys(system),
        *_entities(system),
    ]
    if system.scenarios is not None and not Path(system.scenarios).is_absolute():
        problems.append(tr("scenarios: {scenarios!r} is not an absolute path", scenarios=system.scenarios))
    if not problems and (cycle := waiting_cycle(system)):
        problems.append(
            tr(
                "links: {cycle} wait for each other, so none of them would ever start; give one of "
                'these links wait="no"',
                cycle=" -> ".join(cycle),
            )
        )
    if problems:
        raise InvalidSystem(problems)


def _names(system: System) -> Iterator[str]:
    if not NAME.fullmatch(system.name):
        yield _no_name("name", system.name)
    seen: dict[str, str] = {CLIENT: tr("the outside world")}
    places = [(f"services[{i}]", service.name) for i, service in enumerate(system.services)]
    places += [(f"engines[{i}]", engine.name) for i, engine in enumerate(system.engines)]
    for place, name in places:
        if not NAME.fullmatch(name):
            yield _no_name(f"{place}.name", name)
        elif name in seen:
            yield tr('{place}.name: "{name}" is taken already by {seen}', place=place, name=name, seen=seen[name])
        seen.setdefault(name, place)


def _no_name(place: str, word: str) -> str:
    return tr(
        "{place}: {word!r} is not a name; use small letters, digits and hyphens, a letter first", place=place, word=word
    )


def _service(place: str, service: Service) -> Iterator[str]:
    if [service.module is None, not service.command, service.address is None].count(False) != 1:
        yield tr(
            "{place}: exactly one of module, command and address says what {name} is", place=place, name=service.name
        )
    if service.address is not None:
        yield from _elsewhere(place, service)
    yield from _endpoints(place, service)
    if service.exec and service.command:
        yield tr("{place}.exec: a command is always executed plainly; exec is for a module", place=place)
    if not (service.ready.startswith("/") or service.ready in ("tcp", "started")):
        yield (
            tr(
                '{place}.ready: {ready!r} is not a way to be ready; use an HTTP path ("/readyz"), "tcp" or "started"',
                place=place,
                ready=service.ready,
            )
        )
    yield from _choice(f"{place}.restart", service.restart, get_args(Restart))
    yield from _choice(f"{place}.start", service.start, get_args(Start))
    yield from _choice(f"{place}.role", service.role, get_args(Role))
    for field in ("memory", "output"):
        if (limit := getattr(service, field)) is not None and limit <= 0:
            yield tr("{place}.{field}: {limit} is not above 0", place=place, field=field, limit=limit)
    for key in service.env:
        if not VARIABLE.fullmatch(key):
            yield tr("{place}.env: {key!r} is not the name of an environment variable", place=place, key=key)


def _endpoints(place: str, service: Service) -> Iterator[str]:
    for name in service.endpoints:
        if not NAME.fullmatch(name):
            yield _no_name(f"{place}.endpoints", name)
    if not service.endpoints:
        yield tr("{place}.endpoints: {name} listens on nothing; name at least one", place=place, name=service.name)
    elif len(set(service.endpoints)) < len(service.endpoints):
        yield tr("{place}.endpoints: a name stands there twice", place=place)
    elif service.ready.startswith("/") and HTTP not in service.endpoints:
        yield tr(
            '{place}.ready: {name} has no endpoint {endpoint}; use "tcp" or "started"',
            place=place,
            name=service.name,
            endpoint=HTTP,
        )


def _elsewhere(place: str, service: Service) -> Iterator[str]:
    matched = ADDRESS.fullmatch(service.address or "")
    if not matched or not 0 < int(matched[1]) < 65_536:
        yield tr(
            '{place}.address: {address!r} is not an address; use a host and a port ("127.0.0.1:4711")',
            place=place,
            address=service.address,
        )
    usual = Service(name=service.name)
    for field in RUNS_HERE:
        if getattr(service, field) != getattr(usual, field):
            yield tr(
                "{place}.{field}: {name} has an address, so it is not the lab that starts it",
                place=place,
                field=field,
                name=service.name,
            )
    if len(service.endpoints) > 1:
        yield tr("{place}.endpoints: {name} has one address, so it has one endpoint", place=place, name=service.name)
    if service.ready == "started":
        yield tr(
            '{place}.ready: {name} is not started by the lab; use an HTTP path ("/readyz") or "tcp"',
            place=place,
            name=service.name,
        )


def _replicas(system: System) -> Iterator[str]:
    names = [service.name for service in system.services] + [engine.name for engine in system.engines]
    for i, service in enumerate(system.services):
        place = f"services[{i}].replicas"
        if service.replicas is None:
            continue
        if service.replicas < 1:
            yield tr("{place}: {number} is not above 0", place=place, number=service.replicas)
        else:
            for name in service.instances:
                if name in names:
                    yield tr('{place}: "{name}" would be two: an instance and something else', place=place, name=name)
            for variable in service.port_variables.values():
                if variable in service.env:
                    yield tr("{place}: they cannot all have the {variable} of env", place=place, variable=variable)


def _engine(place: str, engine: Engine) -> Iterator[str]:
    yield from _choice(f"{place}.kind", engine.kind, engine_kinds())
    yield from _choice(f"{place}.restart", engine.restart, get_args(Restart))
    known = engine_kinds().get(engine.kind)
    if engine.topics and known is not None and not known.topics:
        yield tr("{place}.topics: an engine of the kind {kind} has no topics", place=place, kind=engine.kind)
    for topic, partitions in engine.topics.items():
        if not TOPIC.fullmatch(topic):
            yield tr(
                "{place}.topics: {topic!r} is not the name of a topic; use letters, digits, dots, - and _",
                place=place,
                topic=topic,
            )
        elif type(partitions) is not int or not 1 <= partitions <= MOST_PARTITIONS:
            yield tr(
                "{place}.topics: {topic} has 1 to {most} partitions, not {partitions!r}",
                place=place,
                topic=topic,
                most=MOST_PARTITIONS,
                partitions=partitions,
            )


def _links(system: System) -> Iterator[str]:
    services = {service.name: service for service in system.services}
    reached = {name: service for service in system.services for name in (service.name, *service.instances)}
    engines = {engine.name: engine.kind for engine in system.engines}
    declared: dict[str, str] = {}
    variables: dict[tuple[str, str], str] = {}
    for i, link in enumerate(system.links):
        place = f"links[{i}]"
        if link.source not in services and link.source != CLIENT:
            if link.source in engines:
                yield tr(
                    '{place}.source: "{source}" is an engine; a link starts at the service that uses it',
                    place=place,
                    source=link.source,
                )
            else:
                hint = did_you_mean(link.source, {*services, CLIENT})
                yield tr(
                    '{place}.source: no service is named "{source}"{hint}', place=place, source=link.source, hint=hint
                )
        if link.target not in reached and link.target not in engines:
            hint = did_you_mean(link.target, {*services, *engines})
            yield tr(
                '{place}.target: no service or engine is named "{target}"{hint}',
                place=place,
                target=link.target,
                hint=hint,
            )
        elif link.endpoint:
            known = reached[link.target].endpoints if link.target in reached else ()
            if link.endpoint not in known:
                yield tr(
                    '{place}.endpoint: "{target}" has no endpoint "{endpoint}"{hint}',
                    place=place,
                    target=link.target,
                    endpoint=link.endpoint,
                    hint=instead(link.endpoint, known),
                )
        if link.source == link.target:
            yield tr('{place}: "{source}" is linked to itself', place=place, source=link.source)
        yield from _choice(f"{place}.protocol", link.protocol, protocols())
        yield from _choice(f"{place}.wait", link.wait, get_args(Wait))
        kind = engine_kinds().get(engines.get(link.target, ""))
        if kind and link.protocol in protocols() and link.protocol not in (*kind.protocols, "tcp"):
            yield tr(
                '{place}.protocol: "{target}" is a {name} engine and does not speak {protocol}',
                place=place,
                target=link.target,
                name=kind.name,
                protocol=link.protocol,
            )
        if link.id in declared:
            yield tr(
                "{place}: {id} is declared already by {declared}", place=place, id=link.id, declared=declared[link.id]
            )
        declared.setdefault(link.id, place)
        given = services[link.source].port_variables.values() if link.source in services else ()
        yield from _variable(place, link, {*GIVEN, *given}, variables)


def _variable(place: str, link: Link, given: Collection[str], variables: dict[tuple[str, str], str]) -> Iterator[str]:
    name = link.variable
    if not VARIABLE.fullmatch(name):
        yield tr("{place}.env: {name!r} is not the name of an environment variable", place=place, name=name)
    elif name in given:
        yield tr("{place}.env: {name} is set by the lab itself; choose another variable", place=place, name=name)
    elif link.source != CLIENT and (link.source, name) in variables:
        yield (
            tr(
                "{place}.env: {source} gets {name} already from {variables}; choose another variable",
                place=place,
                source=link.source,
                name=name,
                variables=variables[link.source, name],
            )
        )
    variables.setdefault((link.source, name), place)


def _journeys(system: System) -> Iterator[str]:
    services = {service.name for service in system.services}
    reachable = {link.target for link in system.links if link.source == CLIENT and link.protocol == HTTP}
    pools = {pool for journey in system.journeys for request in journey.requests for pool in request.save}
    for i, journey in enumerate(system.journeys):
        if not journey.requests:
            yield tr('journeys[{i}].requests: "{name}" sends nothing', i=i, name=journey.name)
        if journey.weight < 0:
            yield tr("journeys[{i}].weight: {weight:g} is below 0", i=i, weight=journey.weight)
        for j, request in enumerate(journey.requests):
            place = f"journeys[{i}].requests[{j}]"
            if request.service not in services:
                hint = did_you_mean(request.service, services)
                yield tr(
                    '{place}.service: no service is named "{service}"{hint}',
                    place=place,
                    service=request.service,
                    hint=hint,
                )
            elif request.service not in reachable:
                yield tr(
                    "{place}.service: visitors cannot reach {service}: there is no link client -> it",
                    place=place,
                    service=request.service,
                )
            if not request.path.startswith("/"):
                yield tr("{place}.path: {path!r} does not begin with /", place=place, path=request.path)
            for pool in sorted(set(_picks([request.path, request.json])) - pools):
                yield tr(
                    '{place}: nothing saves into the pool "{pool}"{did_you_mean}',
                    place=place,
                    pool=pool,
                    did_you_mean=did_you_mean(pool, pools),
                )


def _entities(system: System) -> Iterator[str]:
    seen: set[str] = set()
    for i, entity in enumerate(system.entities):
        place = f"entities[{i}]"
        if entity.name in seen:
            yield tr('{place}.name: "{name}" stands there twice', place=place, name=entity.name)
        seen.add(entity.name)
        for state, mood in entity.states.items():
            yield from _choice(f"{place}.{state}", mood, get_args(Mood))


def _picks(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from PICK.findall(value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _picks(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _picks(item)


def _choice(place: str, value: str, known: Collection[str]) -> Iterator[str]:
    if value not in known:
        yield tr(
            "{place}: {value!r} is none of {known}{did_you_mean}",
            place=place,
            value=value,
            known=", ".join(known),
            did_you_mean=did_you_mean(value, known),
        )
