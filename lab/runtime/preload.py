"""What the fork server imports before it forks: what the processes of a system need, and nothing else.

It is the longest part of a run's start, and every service waits for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.system.model import System

BASE, WEB = "base", "web"

PRELOAD: Mapping[str, tuple[str, ...]] = {
    BASE: ("asyncio", "msgspec", "uvloop"),
    "redis": ("redis", "fakeredis"),
    WEB: (
        "httptools",
        "encodings.idna",
        "pydantic.fields",
        "starlette.applications",
        "fastapi",
        "fastapi.responses",
        "pydantic.v1",
        "uvicorn",
        "uvicorn.loops.auto",
        "uvicorn.loops.uvloop",
        "uvicorn.lifespan.on",
        "uvicorn.protocols.http.auto",
        "uvicorn.protocols.http.httptools_impl",
        "uvicorn.protocols.websockets.auto",
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
"""Imports (some of them made late, at first use) by the kind of engine that needs them, or `web` for services in
Python, in the order in which a run does. What is missing on this machine is skipped. Between two of them an engine may
be forked, so a long one is preceded by parts of it."""


def needed(system: System) -> list[str]:
    """The groups of PRELOAD for the processes of a system."""
    wanted = {BASE, *(engine.kind for engine in system.engines)}
    if any(service.module for service in system.services):
        wanted.add(WEB)
    return [group for group in PRELOAD if group in wanted]


def imports(groups: Collection[str]) -> list[str]:
    """The modules of these groups, in their order."""
    return [module for group, modules in PRELOAD.items() if group in groups for module in modules]
