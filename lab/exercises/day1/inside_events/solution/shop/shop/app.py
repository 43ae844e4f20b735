"""The parts put together: who publishes, and who listens. Only this file knows both."""

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
from shop import notifications, orders, stats, users
from shop.bus import Bus
from shop.events import UserRegistered
from shop.mail import Mail
from shop.models import Base
from shop.notifications import Notifications
from shop.stats import Stats

MAILS = 4
"""As many are on their way at the same time."""
PATIENCE = 3.0
"""Seconds for which a stop waits for the subscribers."""


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    notify_url: str
    http_timeout_ms: int = 5000


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    mail = Mail(settings.notify_url, settings.http_timeout_ms / 1000)
    figures = Stats()
    bus = Bus()
    bus.subscribe(UserRegistered, Notifications(database, mail).welcome, workers=MAILS)
    bus.subscribe(UserRegistered, figures.count)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        yield
        await run_in_threadpool(bus.close, PATIENCE)
        mail.close()
        database.close()

    app = create_web_app("shop", Health(required={"database": database.check}), lifespan)
    app.include_router(users.router(database, bus))
    app.include_router(orders.router(database))
    app.include_router(notifications.router(database))
    app.include_router(stats.router(figures))
    return app
