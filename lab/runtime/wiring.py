"""A System becomes addresses: which port everybody listens on, and which environment tells them of each other."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from lab.engines.launch import HOST, Launch
from lab.runtime.readiness import Probe, amqp, at_once, http, postgres, started, tcp
from lab.runtime.spawn import Program
from lab.system.model import CLIENT, Link, Service, System

OURS = re.compile(r"(.*_URL|PORT|HOST|SERVICE_NAME|INSTANCE_ID|KAFKA_BOOTSTRAP|LAB_.*|PYTEST_.*)")
"""Variables of the starter's environment that mean something else to a service, or belong to the lab."""


@dataclass(slots=True)
class Wiring:
    """The addresses of one run. `ports` are the providers' own, `taps` the port of each link's tap by link id."""

    system: System
    folder: Path
    launches: Mapping[str, Launch]
    ports: dict[str, int]
    taps: dict[str, int]

    def upstream(self, link: Link) -> tuple[str, int] | None:
        """Where the link's tap leads, or None for a link that is no connection (a SQLite file)."""
        if launch := self.launches.get(link.target):
            return (launch.host, launch.port) if launch.port is not None else None
        return HOST, self.ports[link.target]

    def url(self, link: Link) -> str:
        """What the consumer is told: the tap's address in the provider's URL, and the link's suffix."""
        launch = self.launches.get(link.target)
        pattern = launch.url if launch else f"{'http' if link.protocol == 'http' else link.protocol}://{{address}}"
        address = f"{HOST}:{self.taps[link.id]}" if link.id in self.taps else ""
        user = link.source if launch is None or launch.port is None else link.source.replace("-", "_")
        url = pattern.replace("{address}", address).replace("{user}", user)
        return _join(url, link.suffix)

    def direct(self, name: str) -> str:
        """The provider's own address, past every tap, for people and for the lab's own probes."""
        if launch := self.launches.get(name):
            address = f"{launch.host}:{launch.port}" if launch.port else ""
            return launch.url.replace("{address}", address).replace("{user}", "<service>")
        return f"http://{HOST}:{self.ports[name]}"

    def program(self, service: Service) -> Program:
        """How `service` is started now."""
        folder = self.folder / "data" / service.name
        folder.mkdir(parents=True, exist_ok=True)
        env = self.environment(service)
        cwd = service.dir or str(folder)
        if service.module and not service.exec:
            return Program(module=service.module, env=env, cwd=cwd, path=[cwd])
        argv = list(service.command)
        if service.module:
            argv = [sys.executable, "-m", service.module]
        elif argv[0] in ("python", "python3"):
            argv[0] = sys.executable  # the reader's virtual environment is the lab's
        return Program(argv=[Template(word).safe_substitute(env) for word in argv], env=env, cwd=cwd)

    def environment(self, service: Service) -> dict[str, str]:
        """Everything the service is told."""
        links = {link.variable: self.url(link) for link in self.system.links if link.source == service.name}
        given = {
            "HOST": HOST,
            "PORT": str(self.ports[service.name]),
            "SERVICE_NAME": service.name,
            "INSTANCE_ID": f"{service.name}-1",
        }
        return {**self.inherited(), **given, **links, **service.env}

    def client_urls(self) -> dict[str, str]:
        """The addresses on which visitors reach the services, by service."""
        return {link.target: self.url(link) for link in self.system.links if link.source == CLIENT}

    def inherited(self) -> dict[str, str]:
        """The starter's environment without what is ours to set, and with the mark by which leftovers are found."""
        kept = {name: value for name, value in os.environ.items() if not OURS.fullmatch(name)}
        return {**kept, "PYTHONUNBUFFERED": "1", "LAB_RUN": str(self.folder)}

    def service_probe(self, service: Service) -> Probe:
        port = self.ports[service.name]
        if service.ready == "started":
            return started
        return tcp(HOST, port) if service.ready == "tcp" else http(HOST, port, service.ready)

    def engine_probe(self, name: str) -> Probe:
        launch = self.launches[name]
        if launch.ready == "none" or launch.port is None:
            return at_once
        ask = {"postgres": postgres, "amqp": amqp, "tcp": tcp}[launch.ready]
        return ask(launch.host, launch.port)


def _join(url: str, suffix: str) -> str:
    """The suffix behind the URL; a path of its own (`/0`) gives way to one that the URL has already."""
    base, _, query = url.partition("?")
    path, _, more = suffix.partition("?")
    if path.startswith("/") and base.count("/") > 2 and not base.endswith("/"):
        path = ""
    queries = "&".join(part for part in (query, more) if part)
    return f"{base.rstrip('/') if path.startswith('/') else base}{path}{'?' if queries else ''}{queries}"
