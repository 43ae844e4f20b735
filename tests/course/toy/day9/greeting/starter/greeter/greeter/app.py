"""HTTP: a greeting for whoever asks."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI

from lab.chassis.health import Health
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_base

WORDS = {"en": "Hello", "uz": "Salom"}


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    language: str = "en"


def create_app(settings: Settings) -> FastAPI:
    app = create_base("greeter", Health())

    @app.get("/greet/{name}")
    def greet(name: str) -> dict[str, str]:
        # TODO: say something.
        return {"greeting": ""}

    return app
