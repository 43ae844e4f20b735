"""The parts put together: one database, three groups of routes."""

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
from shop import orders, users, wallet
from shop.models import Base


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        yield
        database.close()

    app = create_web_app("shop", Health(required={"database": database.check}), lifespan)
    app.include_router(users.router(database))
    app.include_router(orders.router(database))
    app.include_router(wallet.router(database))
    return app
