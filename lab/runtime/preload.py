"""What is imported before the processes of a system are forked: what they need, and nothing else.

It is the longest part of a run's start, and every service waits for it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from lab.system.kinds import engine_kinds

if TYPE_CHECKING:
    from lab.system.model import System

BASE, WEB = "base", "web"

FOR_ALL = (
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
)
"""Imports (some of them made late, at first use) that the runtime needs, too. What is missing on this machine is
skipped, here and below."""
FOR_SERVICES = (
    "uvicorn.loops.auto",
    "uvicorn.loops.asyncio",
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
)


def groups() -> list[str]:
    """Everybody for whom something is imported: `base` for all, `web` for services in Python, each kind of engine."""
    return [BASE, WEB, *engine_kinds()]


def needed(system: System) -> list[str]:
    """The groups for the processes of a system."""
    wanted = {BASE, *(engine.kind for engine in system.engines)}
    if any(service.module for service in system.services):
        wanted.add(WEB)
    return [group for group in groups() if group in wanted]


def imports(groups: Collection[str]) -> list[str]:
    """The modules of these groups, in the order in which they are imported."""
    kinds = [kind for name, kind in engine_kinds().items() if name in groups]
    return [
        *(FOR_ALL if BASE in groups else ()),
        *(FOR_SERVICES if WEB in groups else ()),
        *(module for kind in kinds for module in kind.clients),
    ]
