"""HTTP: `GET /hello/{name}`."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI

from lab.chassis import web
from lab.chassis.health import Health
from lab.chassis.settings import ServiceSettings

@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    pass

def create_app(settings: Settings) -> FastAPI:
    app = web.create_app("SERVICE", Health())

    @app.get("/hello/{name}")
    async def hello(name: str) -> dict[str, str]:
        return {"hello": name}

    return app
