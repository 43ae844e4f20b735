"""What the supervisor is given: one Spec for every engine, service and the load generator of a System."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import msgspec
import psutil

from lab.locale import tr
from lab.runtime.ports import Ports, in_use
from lab.runtime.readiness import at_once
from lab.runtime.spawn import Program
from lab.runtime.surroundings import Spec
from lab.runtime.wiring import Wiring
from lab.system.model import CLIENT, Engine, Service, System

LOAD = "load"
"""The load generator's name among the processes."""


def specs(wiring: Wiring, ports: Ports, load: Callable[[], dict[str, object]]) -> Iterator[Spec]:
    """The specs of a run. `load` gives the seed and rate with which the generator begins."""
    system = wiring.system
    for engine in system.engines:
        yield _engine(engine, wiring, ports)
    for service in system.services:
        for instance in service.instances:
            yield service_spec(service, instance, wiring, ports)
    reached = tuple(link.target for link in system.links if link.source == CLIENT)
    if system.journeys and reached:
        yield Spec(
            name=LOAD,
            role="load",
            program=partial(_load_program, wiring, load),
            probe=lambda: at_once,
            needs=tuple((name, "ready") for target in _behind(system, reached) for name in system.instances(target)),
        )


def _behind(system: System, reached: Sequence[str]) -> list[str]:
    """What visitors ask, and all services that are asked for them. One of these may be ready without its neighbours,
    but who came then would see errors that nobody caused."""
    found, new = list[str](), list(reached)
    while new:
        found += new
        asked = dict.fromkeys(link.target for link in system.links if link.source in found)
        new = [name for name in asked if name not in found and _comes(system.service(name))]
    return found


def _comes(service: Service | None) -> bool:
    """Whether it starts with the run; an engine is waited for by who needs it."""
    return service is not None and service.start == "with-run"


def _engine(engine: Engine, wiring: Wiring, ports: Ports) -> Spec:
    recipe = wiring.recipes[engine.name]
    folder = wiring.folder / "data" / engine.name

    def program() -> Program:
        env = {**wiring.inherited(), **recipe.env}
        return Program(module=recipe.module, argv=recipe.argv, env=env, cwd=str(folder), after="")

    def prepare() -> str:
        own = [port for port in (recipe.port, *recipe.ports) if port is not None]
        for port in own:
            ports.release(port)
        return next(filter(None, map(_taken, own)), "")

    runs_here = recipe.module is not None or bool(recipe.argv)
    return Spec(
        name=engine.name,
        role="engine",
        program=program if runs_here else None,
        probe=lambda: wiring.engine_probe(engine.name),
        restart=engine.restart,
        prepare=prepare,
        url=partial(wiring.direct, engine.name),
        title=recipe.title,
        boot=recipe.boot,
        stop=recipe.stop,
    )


def service_spec(service: Service, instance: str, wiring: Wiring, ports: Ports) -> Spec:
    """The spec of one instance of a service."""
    needs = tuple(
        (provider, link.wait)
        for link in wiring.system.links
        if link.source == service.name
        for provider in wiring.system.instances(link.target)
    )
    url = partial(wiring.direct, instance)
    probe = partial(wiring.service_probe, service, instance)
    if service.address is not None:
        return Spec(
            name=instance, role=service.role, program=None, probe=probe, needs=needs, url=url, mine=service.mine
        )

    def prepare() -> str:
        own = wiring.ports[instance]
        for endpoint, variable in service.port_variables.items():
            ports.release(own[endpoint])
            taken = _taken(own[endpoint])
            if taken and variable in service.env:
                return taken
            if taken:  # the lab chose that one, so it may choose another
                own[endpoint] = ports.take()
                ports.release(own[endpoint])
        return ""

    return Spec(
        name=instance,
        role=service.role,
        program=lambda: wiring.program(service, instance),
        probe=probe,
        restart=service.restart,
        start=service.start,
        memory=service.memory,
        output=service.output,
        needs=needs,
        prepare=prepare,
        url=url,
        mine=service.mine,
    )


def _load_program(wiring: Wiring, load: Callable[[], dict[str, object]]) -> Program:
    urls = wiring.client_urls()
    variables = {link.variable: wiring.url(link) for link in wiring.system.links if link.source == CLIENT}
    task = {"journeys": wiring.system.journeys, "urls": urls, **load()}
    env = {**wiring.inherited(), **variables, "LAB_LOAD": msgspec.json.encode(task).decode()}
    folder = wiring.folder / "data" / LOAD
    folder.mkdir(parents=True, exist_ok=True)
    return Program(module="lab.load", env=env, cwd=str(folder), stdin=True)


def _taken(port: int) -> str:
    """Why nobody can listen on this port now, or nothing."""
    return tr("port {port} is in use{by_whom}", port=port, by_whom=_by_whom(port)) if in_use(port) else ""


def _by_whom(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                return (
                    tr(" by {name} (pid {pid})", name=psutil.Process(connection.pid).name(), pid=connection.pid)
                    if connection.pid
                    else ""
                )
    except psutil.Error:
        pass  # the system does not tell everybody
    return ""
