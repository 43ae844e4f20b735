"""The shop of 1.1, which now writes to everybody who registers. It does so itself, on the spot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from shop import orders, users
from shop.mail import Mail
from shop.models import Base


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    notify_url: str
    http_timeout_ms: int = 5000


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    mail = Mail(settings.notify_url, settings.http_timeout_ms / 1000)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        yield
        mail.close()
        database.close()

    app = create_web_app("shop", Health(required={"database": database.check}), lifespan)
    # TODO: a bus, and two who listen to it: notifications (GET /notifications) and stats (GET /stats).
    app.include_router(users.router(database, mail))
    app.include_router(orders.router(database))
    return app
