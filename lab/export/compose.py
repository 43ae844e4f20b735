"""Workloads as a Compose file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from lab.export.workload import Workload
from lab.locale import tr
from lab.system.model import System

FILE = "compose.yaml"
FIRST_PORT = 8001
"""The first port of this machine on which visitors come in; every entrance has its own."""
RESTART = {"always": "always", "on-failure": "on-failure", "never": "no"}
CONDITION = {"healthy": "service_healthy", "started": "service_started"}
INSIDE = "import urllib.request as r; r.urlopen('http://127.0.0.1:{port}{path}', timeout=2)"
"""How a service in Python is asked from within: its image has no curl. Any status but 2xx raises."""
LISTENS = "import socket; socket.create_connection(('127.0.0.1', {port}), 2).close()"


def compose(system: System, workloads: Sequence[Workload], outside: bool = False) -> dict[str, Any]:
    """The content of the file; `outside` if some of the providers run on this machine, in no container."""
    doors = entrances(workloads)
    asked = frozenset(one.name for one in workloads if _test(one))
    return {
        "name": system.name,
        "services": {one.name: _service(one, doors.get(one.name, ""), asked, outside) for one in workloads},
        "volumes": {volume(one): {} for one in workloads if one.data},
    }


def notes() -> dict[str, str]:
    """What is said beside the first of its kind in the file."""
    return {
        "env_file": tr("What is secret, never in this file. raw: a line is taken as it is."),
        "depends_on": tr("healthy: its health check has passed; started: it need not answer yet."),
        "healthcheck": tr("Asked inside of the container."),
        "resources": tr("Above the limit of memory it is killed; above that of cpus it only gets slower."),
        "user": tr("Not root: who breaks into the service owns only the service."),
        "read_only": tr("Nothing in it can be changed, /tmp is in memory, and no program in it can gain rights."),
        "ports": tr("Only for this machine. Behind each port in a range is one replica."),
    }


def entrances(workloads: Sequence[Workload]) -> dict[str, str]:
    """On which ports of this machine people come in, by service: `8001`, of three replicas `8001-8003`."""
    found, free = dict[str, str](), FIRST_PORT
    for one in workloads:
        if one.entrance:
            last = free + one.replicas - 1
            found[one.name] = str(free) if one.replicas == 1 else f"{free}-{last}"
            free = last + 1
    return found


def volume(workload: Workload) -> str:
    return f"{workload.name}-data"


def secrets_file(workload: Workload) -> str:
    return f"secrets/{workload.name}.env"


def mounted(workload: Workload, path: str) -> str:
    """Where a file that is laid into a container stands here."""
    return f"engines/{workload.name}/{path.rpartition('/')[2]}"


def _service(one: Workload, door: str, asked: Collection[str], outside: bool) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if one.built:
        made["build"] = f"./services/{one.name}"
    made["image"] = one.image
    if one.summary:
        made["labels"] = {"org.opencontainers.image.description": one.summary}
    if one.engine:
        # RabbitMQ finds its data by the name of its host.
        made["hostname"] = one.name
    if one.on_request:
        made["profiles"] = ["on-request"]
    if one.command:
        made["command"] = [_literal(word) for word in one.command]
    if one.env:
        made["environment"] = {name: _literal(value) for name, value in one.env.items()}
    if one.secrets:
        made["env_file"] = [{"path": f"./{secrets_file(one)}", "format": "raw"}]
    if door:
        made["ports"] = [f"127.0.0.1:{door}:{one.ports[one.entrance]}"]
    if mounts := list(_mounts(one)):
        made["volumes"] = mounts
    if one.needs:
        made["depends_on"] = {
            name: {"condition": CONDITION[how if name in asked else "started"]} for name, how in one.needs.items()
        }
    if one.check and (test := _test(one)):
        often = "30s" if one.check.costly else "10s"
        made["healthcheck"] = {
            "test": [_literal(word) for word in test],
            "interval": often,
            "timeout": "15s" if one.check.costly else "5s",
            "retries": 3,
            "start_period": "60s",
            "start_interval": "5s" if one.check.costly else "1s",
        }
    made["restart"] = RESTART[one.restart]
    made["init"] = True
    made["user"] = f"{one.user}:{one.user}"
    if one.hardened:
        made |= {"read_only": True, "tmpfs": ["/tmp"]}
    made |= {"cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"]}
    made["stop_grace_period"] = "30s" if one.engine else "10s"
    replicas = {"replicas": one.replicas} if one.replicas > 1 else {}
    made["deploy"] = replicas | {"resources": {"limits": {"cpus": "1.0", "memory": f"{one.memory}M"}}}
    if outside and not one.engine:
        made["extra_hosts"] = ["host.docker.internal:host-gateway"]
    return made


def _mounts(one: Workload) -> Iterator[str]:
    if one.data:
        yield f"{volume(one)}:{one.data}"
    for path in one.files:
        yield f"./{mounted(one, path)}:{path}:ro"


def _test(one: Workload) -> list[str]:
    """How it is asked from within, where that can be: what else is in the image of a program nobody knows."""
    check = one.check
    if check is None or not (check.command or one.python):
        return []
    if check.command:
        return ["CMD", *check.command]
    asked = INSIDE if check.path else LISTENS
    return ["CMD", "python", "-c", asked.format(port=check.port, path=check.path)]


def _literal(text: str) -> str:
    """For Compose a dollar is the beginning of a variable of its own."""
    return text.replace("$", "$$")
