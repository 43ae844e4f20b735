"""A System becomes workloads: names in place of ports on loopback, real engines, a password for everything."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from pkgutil import resolve_name

from lab.engines.container import Container
from lab.export.dockerfile import in_python
from lab.export.workload import Check, Needs, Workload
from lab.locale import tr
from lab.system.kinds import engine_kinds, protocols
from lab.system.links import with_suffix
from lab.system.model import CLIENT, HTTP, Engine, Link, Service, System
from lab.system.refusal import Refusal
from lab.system.secrets import LOGIN, is_secret

PORT = 8000
"""Where a service listens in its container, at its first endpoint; its others follow."""
OURS = "lab."
"""How the modules of the lab's own services begin."""
HOST = "host.docker.internal"
"""How a container calls the machine that it runs on."""
STUB_MEMORY, SERVICE_MEMORY = 128, 256
_LOOPBACK = re.compile(r"localhost|127\.[\d.]+|\[?::1\]?|0\.0\.0\.0")


class NotInContainers(Refusal):
    """Something of the system cannot be put into a container."""


def workloads(system: System, password: Callable[[], str] = lambda: secrets.token_hex(16)) -> tuple[Workload, ...]:
    """The engines, then the services; what has an address and runs elsewhere is none of them. Raises
    NotInContainers."""
    named = {service.name for service in system.services}
    for link in system.links:
        service = system.service(link.target)
        if service is not None and link.target not in named:
            raise NotInContainers(
                tr("{link} leads to one instance of {name}", link=link.id, name=service.name),
                tr("Containers have a balancer of their own, and instances without names."),
            )
    containers = {engine.name: _container(engine, system) for engine in system.engines}
    passwords = {
        name: {user: password() for user in dict.fromkeys(container.passwords.values())}
        for name, container in containers.items()
    }
    return (
        *(_engine(engine, containers[engine.name], passwords[engine.name]) for engine in system.engines),
        *(
            _service(service, system, lambda link: _url(link, system, containers, passwords))
            for service in system.services
            if service.address is None
        ),
    )


def elsewhere(system: System) -> Iterator[Service]:
    """The services that run already, on this machine, outside of every container."""
    for service in system.services:
        if service.address and _LOOPBACK.fullmatch(service.address.rpartition(":")[0]):
            yield service


def _container(engine: Engine, system: System) -> Container:
    kind = engine_kinds()[engine.kind]
    if not kind.container:
        raise NotInContainers(tr("nothing says how a {kind} engine runs in a container", kind=kind.name))
    users = list(dict.fromkeys(link.source for link in system.links if link.target == engine.name))
    made: Container = resolve_name(kind.container)(engine.name, users)
    return made


def _engine(engine: Engine, container: Container, passwords: Mapping[str, str]) -> Workload:
    return Workload(
        name=engine.name,
        image=container.image,
        engine=True,
        summary=tr(engine.summary) if engine.summary else "",
        command=container.command,
        env=container.env,
        secrets={variable: passwords[user] for variable, user in container.passwords.items()},
        ports={engine.kind: container.port},
        check=Check(port=container.port, command=container.check, costly=container.costly),
        memory=container.memory,
        data=container.data,
        user=container.uid,
        files=container.files,
        restart=engine.restart,
    )


def _service(service: Service, system: System, url: Callable[[Link], str]) -> Workload:
    ports = ports_of(service)
    told = {
        "HOST": "0.0.0.0",
        "SERVICE_NAME": service.name,
        # Replicas are told apart by the names of their hosts.
        **({} if service.replicas else {"INSTANCE_ID": f"{service.name}-1"}),
        **{service.port_variables[name]: str(port) for name, port in ports.items()},
        **{link.variable: url(link) for link in system.links if link.source == service.name},
        **service.env,
    }
    hidden = {name for name, value in told.items() if value and (is_secret(name) or LOGIN.search(value))}
    for name in sorted(hidden):
        if "\n" in told[name]:
            raise NotInContainers(
                tr("{name} of {service} is a secret of several lines", name=name, service=service.name),
                tr("A file of variables has one line for each."),
            )
    entered = [link for link in system.links if link.source == CLIENT and link.target == service.name]
    ours = bool(service.module and service.module.startswith(OURS))
    stub = service.role == "stub"
    return Workload(
        name=service.name,
        image=f"{system.name}/{service.name}:1",
        built=True,
        summary=tr(service.summary) if service.summary else "",
        env={name: value for name, value in told.items() if name not in hidden},
        secrets={name: value for name, value in told.items() if name in hidden},
        ports=ports,
        entrance=next((link.endpoint or next(iter(ports)) for link in entered), ""),
        check=_check(service, ports, ours=ours),
        replicas=service.replicas or 1,
        memory=service.memory or (STUB_MEMORY if stub else SERVICE_MEMORY),
        data="/data" if stub or not ours else "",
        needs=dict(_needs(service, system)),
        restart=service.restart,
        on_request=service.start == "on-request",
        hardened=ours,
        python=in_python(service),
    )


def ports_of(service: Service) -> dict[str, int]:
    """The port of each endpoint in the service's container: what it declares itself, or ours."""
    chosen = {name: service.env.get(variable, "") for name, variable in service.port_variables.items()}
    return {name: int(text) if text.isdigit() else PORT + number for number, (name, text) in enumerate(chosen.items())}


def _check(service: Service, ports: Mapping[str, int], *, ours: bool) -> Check | None:
    first = next(iter(ports.values()), None)
    if service.ready == "started" or first is None:
        return None
    if service.ready == "tcp" or HTTP not in ports:
        return Check(port=first)
    return Check(port=ports[HTTP], path=service.ready, alive="/healthz" if ours else "")


def _needs(service: Service, system: System) -> Iterator[tuple[str, Needs]]:
    """For whom its start waits; a provider that runs elsewhere, or starts on request, is not waited for."""
    waits: dict[str, Needs] = {"ready": "healthy", "started": "started"}
    for link in system.links:
        if link.source != service.name or link.wait not in waits:
            continue
        provider = system.service(link.target)
        if provider is None or (provider.address is None and provider.start == "with-run"):
            checked = provider is None or provider.ready != "started"
            yield link.target, waits[link.wait] if checked else "started"


def _url(
    link: Link,
    system: System,
    containers: Mapping[str, Container],
    passwords: Mapping[str, Mapping[str, str]],
) -> str:
    if container := containers.get(link.target):
        known = passwords[link.target]
        pattern, address = container.url, f"{link.target}:{container.port}"
        pattern = pattern.replace("{password}", known.get(link.source, known.get("", "")))
    else:
        provider = system.service(link.target)
        assert provider is not None, link.target
        pattern = protocols()[link.protocol].url
        address = _address(provider, link)
    user = link.source.replace("-", "_")
    return with_suffix(pattern.replace("{address}", address).replace("{user}", user), link.suffix)


def _address(provider: Service, link: Link) -> str:
    if provider.address is not None:
        host, _, port = provider.address.rpartition(":")
        return f"{HOST}:{port}" if _LOOPBACK.fullmatch(host) else provider.address
    ports = ports_of(provider)
    return f"{provider.name}:{ports[link.endpoint] if link.endpoint else next(iter(ports.values()))}"
