"""The parts put together: the shop's routes, and what makes a process of it that somebody else can run."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from lab.chassis import problems
from lab.chassis.database import Database
from shop import health, orders, users
from shop.exchange import Exchange
from shop.mail import Mail
from shop.models import Base
from shop.settings import Settings

log = logging.getLogger(__name__)


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    mail = Mail(settings.notify_url, settings.http_timeout)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        log.info("the shop is open")
        yield  # and after the last request under way:
        mail.close()
        database.close()
        log.info("the shop is closed")

    app = FastAPI(title="shop", lifespan=lifespan)
    problems.install(app)
    app.add_middleware(Exchange)
    app.include_router(health.router(settings.database_url))
    app.include_router(users.router(database))
    app.include_router(orders.router(database, mail))
    return app
