"""Takes the place of aio-pika's `tests/docker_client.py`: its "container" is a broker that already listens on loopback.

Only the names that its conftest and tests import are here. The ports come from the environment; where a control port is
given too, `kill`, `start` and the `rabbitmqctl stop_app` of the restart tests reach the broker's owner, else they do
nothing.
"""
# ruff: noqa: ARG002  (the signatures are theirs)

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from typing import Any


class DockerNotAvailableError(Exception):
    pass


@dataclass
class DockerHostInfo:
    container_host: str = "127.0.0.1"


@dataclass
class ContainerInfo:
    id: str = "loopback"
    ports: dict[str, int] = field(default_factory=lambda: _ports())
    host: str = "127.0.0.1"


def check_docker_available() -> DockerHostInfo:
    return DockerHostInfo()


class DockerClient:
    def __init__(self, docker_host_info: DockerHostInfo | None = None) -> None:
        pass

    def run(self, image: str, ports: list[str], environment: dict[str, str] | None = None) -> ContainerInfo:
        _tell_owner("start")
        return ContainerInfo()

    def start(self, container_id: str) -> None:
        _tell_owner("start")

    def kill(self, container_id: str) -> None:
        _tell_owner("kill")

    def remove(self, container_id: str) -> None:
        pass

    def inspect(self, container_id: str) -> dict[str, Any]:
        return {}

    def _parse_ports(self, info: dict[str, Any]) -> dict[str, int]:
        return _ports()

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The three requests of a `docker exec rabbitmqctl stop_app|start_app`; the first does all the work."""
        if body is not None and "Cmd" in body:
            _tell_owner({"stop_app": "stop", "start_app": "start"}[body["Cmd"][-1]])
        return {"Id": "exec", "Running": False, "ExitCode": 0}


def _ports() -> dict[str, int]:
    return {"5672/tcp": int(os.environ["CONFORMANCE_AMQP"]), "5671/tcp": int(os.environ["CONFORMANCE_AMQPS"])}


def _tell_owner(verb: str) -> None:
    """Returns when the owner has done it."""
    if port := os.environ.get("CONFORMANCE_CONTROL"):
        with socket.create_connection(("127.0.0.1", int(port)), timeout=120) as owner:
            owner.sendall(verb.encode() + b"\n")
            answer = owner.recv(200).decode()
            if answer != "ok\n":
                raise RuntimeError(f"{verb}: {answer}")
