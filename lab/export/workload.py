"""What runs in a container, as plain data: the same for Compose and for Kubernetes, which only write it differently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from lab.system.model import Restart

Needs = Literal["healthy", "started"]
SERVICE_USER = 10001
"""The user that services run as: one that no system has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """How to ask whether it serves: the path of a request to `port`, or whether somebody listens there; `command` asks
    from within, and is `costly` if it is not to be asked often. `alive` is the path that only asks whether it lives."""

    port: int
    path: str = ""
    alive: str = ""
    command: tuple[str, ...] = ()
    costly: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A service, or an engine.

    The image of a service is `built` from its folder in services/, with the command in it; that of an engine is
    published, and may be given a `command`. `env` everybody may read; `secrets` are written into a file of their own.
    `ports` are those on which it listens, by name; the one of `entrance` is where people come in. Of `data`, a folder,
    every instance keeps its own. `files` are laid into the container, by their path there. `memory` is in MiB.
    `hardened`: nothing in it writes anywhere but in `data` and /tmp. `python`: there is one in its image.
    """

    name: str
    image: str
    built: bool = False
    engine: bool = False
    summary: str = ""
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    entrance: str = ""
    check: Check | None = None
    replicas: int = 1
    memory: int = 256
    data: str = ""
    user: int = SERVICE_USER
    needs: Mapping[str, Needs] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    restart: Restart = "always"
    on_request: bool = False
    hardened: bool = False
    python: bool = False
