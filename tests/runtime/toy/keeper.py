"""A service as the days' are, with connections that are kept: it answers, calls a neighbour, and can say that it is not
ready."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from lab.chassis.client import http_client
from lab.chassis.health import Health
from lab.chassis.serve import run
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as web_app


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    provider_url: str = ""
    hands: int = 40
    """Slow requests that it works on at a time."""
    doors: str = ""
    """A folder: an instance is not ready while there is a file of its name."""


def create_app(settings: Settings) -> FastAPI:
    provider = http_client(settings.provider_url) if settings.provider_url else None
    hands = asyncio.Semaphore(settings.hands)
    door = Path(settings.doors or "/nowhere", settings.instance_id)
    app = web_app("keeper", Health(required={"door": lambda: "shut" if door.exists() else None}))

    @app.get("/hello")
    def hello() -> str:
        return settings.instance_id

    @app.get("/slow")
    async def slow(ms: float) -> str:
        async with hands:
            await asyncio.sleep(ms / 1000)
        return settings.instance_id

    @app.get("/call")
    def call() -> str:
        assert provider is not None
        return str(provider.get("/hello").raise_for_status().json())

    return app


if __name__ == "__main__":
    run(Settings, create_app, service_name="keeper")
