"""What is imported before the processes of a system are forked: what they need, and nothing else.

It is the longest part of a run's start, and every service waits for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.system.model import System

BASE, WEB = "base", "web"

PRELOAD: Mapping[str, tuple[str, ...]] = {
    BASE: (
        "asyncio",
        "msgspec",
        "uvloop",
        "httptools",
        "encodings.idna",
        "fastapi",
        "fastapi.responses",
        "pydantic.v1",
        "uvicorn",
        "uvicorn.lifespan.on",
        "uvicorn.protocols.http.auto",
        "uvicorn.protocols.http.httptools_impl",
        "uvicorn.protocols.websockets.auto",
    ),
    "redis": ("redis", "fakeredis"),
    WEB: (
        "uvicorn.loops.auto",
        "uvicorn.loops.uvloop",
        "httpx",
        "httpcore",
        "anyio._backends._asyncio",
        "anyio._core._sockets",
        "anyio.streams.memory",
        "anyio.streams.stapled",
        "anyio.streams.tls",
        "tenacity",
        "prometheus_client",
        "lab.chassis.serve",
        "lab.chassis.tls",
        "lab.chassis.web",
    ),
    "amqp": ("pika",),
    "sql": ("sqlalchemy", "sqlalchemy.orm", "sqlalchemy.dialects.sqlite", "sqlite3", "lab.chassis.database"),
}
"""Imports (some of them made late, at first use) by who needs them, in the order in which a run makes them: `base` is
for the runtime, too, `web` for services in Python, the others for a kind of engine and its clients. What is missing on
this machine is skipped."""


def needed(system: System) -> list[str]:
    """The groups of PRELOAD for the processes of a system."""
    wanted = {BASE, *(engine.kind for engine in system.engines)}
    if any(service.module for service in system.services):
        wanted.add(WEB)
    return [group for group in PRELOAD if group in wanted]


def imports(groups: Collection[str]) -> list[str]:
    """The modules of these groups, in their order."""
    return [module for group, modules in PRELOAD.items() if group in groups for module in modules]
