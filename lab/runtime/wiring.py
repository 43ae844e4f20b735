"""A System becomes addresses: which port everybody listens on, and which environment tells them of each other."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from lab.engines.recipe import HOST, Recipe
from lab.runtime.inherited import inherited
from lab.runtime.readiness import Probe, all_of, at_once, engine, http, started, tcp
from lab.runtime.spawn import Program
from lab.system.kinds import protocols
from lab.system.links import with_suffix
from lab.system.model import CLIENT, HTTP, Link, Service, System


@dataclass(slots=True)
class Wiring:
    """The addresses of one run. `ports` are the services' own, by instance and endpoint; `taps` the ports of each
    link's taps, by link id and the instance of the consumer."""

    system: System
    folder: Path
    recipes: Mapping[str, Recipe]
    ports: dict[str, dict[str, int]]
    taps: dict[tuple[str, str], int]
    overrides: dict[str, dict[str, str]] = field(default_factory=dict)
    """By instance: what it is told on top of its declaration when it starts the next time."""

    def consumers(self, link: Link) -> tuple[str, ...]:
        """Whose taps the link has: the instances of its source."""
        return self.system.instances(link.source)

    def providers(self, link: Link) -> dict[str, tuple[str, int]]:
        """Where the link's taps lead, by instance; nothing for a link that is no connection (a SQLite file)."""
        if recipe := self.recipes.get(link.target):
            return {link.target: (recipe.host, recipe.port)} if recipe.port is not None else {}
        return {name: self._address(name, link.endpoint) for name in self.system.instances(link.target)}

    def url(self, link: Link, consumer: str = "") -> str:
        """What the consumer, or this instance of it, is told: its tap's address in the provider's URL, and the link's
        suffix."""
        recipe = self.recipes.get(link.target)
        pattern = recipe.url if recipe else protocols()[link.protocol].url
        tap = self.taps.get((link.id, consumer or self.consumers(link)[0]))
        address = f"{HOST}:{tap}" if tap is not None else ""
        user = link.source
        if recipe is not None and recipe.port is not None:
            user = user.replace("-", "_")
        url = pattern.replace("{address}", address).replace("{user}", user)
        return with_suffix(url, link.suffix)

    def direct(self, name: str) -> str:
        """The provider's own address, past every tap, for people and for the lab's own probes."""
        if recipe := self.recipes.get(name):
            address = f"{recipe.host}:{recipe.port}" if recipe.port else ""
            return recipe.url.replace("{address}", address).replace("{user}", "<service>")
        host, port = self._address(name)
        return f"http://{host}:{port}"

    def program(self, service: Service, instance: str) -> Program:
        """How this instance of `service` is started now."""
        folder = self.data(instance)
        for needed in (folder, self.data(service.name)):
            needed.mkdir(parents=True, exist_ok=True)
        env = self.environment(service, instance)
        cwd = service.dir or str(folder)
        if service.module and not service.exec:
            return Program(module=service.module, env=env, cwd=cwd, path=[cwd])
        argv = list(service.command)
        if service.module:
            argv = [sys.executable, "-m", service.module]
        elif argv[0] in ("python", "python3"):
            argv[0] = sys.executable  # the reader's virtual environment is the lab's
        return Program(argv=[Template(word).safe_substitute(env) for word in argv], env=env, cwd=cwd)

    def environment(self, service: Service, instance: str) -> dict[str, str]:
        """Everything this instance of the service is told."""
        links = {link.variable: self.url(link, instance) for link in self.system.links if link.source == service.name}
        given = {
            "HOST": HOST,
            **{service.port_variables[name]: str(port) for name, port in self.ports[instance].items()},
            "SERVICE_NAME": service.name,
            "INSTANCE_ID": instance if service.replicas else f"{service.name}-1",
        }
        return {**self.inherited(), **given, **links, **service.env, **self.overrides.get(instance, {})}

    def told(self) -> Iterator[Mapping[str, str]]:
        """The variables of everything that is started here."""
        yield from (recipe.env for recipe in self.recipes.values())
        for service in self.system.services:
            if service.address is None:
                yield from (self.environment(service, instance) for instance in service.instances)

    def client_urls(self) -> dict[str, str]:
        """The addresses on which visitors reach the services, by service: its usual endpoint, if they reach several."""
        links = [link for link in self.system.links if link.source == CLIENT and link.protocol == HTTP]
        links.sort(key=lambda link: link.endpoint in ("", HTTP))  # of a service's links the last one is taken
        return {link.target: self.url(link) for link in links}

    def inherited(self) -> dict[str, str]:
        """What is passed on of the starter's environment, with the mark of leftovers."""
        return {**inherited(os.environ), "PYTHONUNBUFFERED": "1", "LAB_RUN": str(self.folder)}

    def service_probe(self, service: Service, instance: str) -> Probe:
        if service.ready == "started":
            return started
        if service.ready == "tcp":
            return all_of([tcp(*self._address(instance, endpoint)) for endpoint in service.endpoints])
        others = [tcp(*self._address(instance, endpoint)) for endpoint in service.endpoints if endpoint != HTTP]
        return all_of([http(*self._address(instance, HTTP), service.ready), *others])

    def engine_probe(self, name: str) -> Probe:
        recipe = self.recipes[name]
        if recipe.ready is None or recipe.port is None:
            return at_once
        return engine(recipe.ready, recipe.host, recipe.port)

    def data(self, name: str) -> Path:
        """The working folder of a process, with what it keeps in files; the database of a service is in its own."""
        return self.folder / "data" / name

    def _address(self, name: str, endpoint: str = "") -> tuple[str, int]:
        """Where a service listens, at its usual endpoint or this one."""
        service = self.system.service(name)
        assert service is not None, name
        if service.address is None:
            return HOST, self.ports[name][endpoint or service.endpoints[0]]
        host, _, port = service.address.rpartition(":")
        return host, int(port)
