"""The parts put together: one database, two groups of routes, and nothing that keeps them apart."""

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
from shop.models import Base


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    modules: str = "users,orders,notifications"
    users_url: str = ""


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        yield
        database.close()

    app = create_web_app("shop", Health(required={"database": database.check}), lifespan)
    # TODO: shop/modules/users, shop/modules/orders, shop/modules/notifications; each with its own tables (users_users,
    # orders_orders, ...) and an api that is all the others may import.
    # TODO: only what settings.modules names is there: no routes and no tables of the others. Without users, orders asks
    # settings.users_url.
    app.include_router(users.router(database))
    app.include_router(orders.router(database))
    return app
