"""The composition root: the only place that knows all modules. What is switched on is put together here."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from shop.common.part import Part
from shop.modules.notifications import api as notifications
from shop.modules.orders import api as orders
from shop.modules.users import api as users

ALL = ("users", "orders", "notifications")


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    modules: str = ",".join(ALL)
    users_url: str = ""


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    parts = put_together(database, switched_on(settings.modules), settings.users_url)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, *(part.tables for part in parts))
        yield
        database.close()

    app = create_web_app("shop", Health(required={"database": database.check}), lifespan)
    for part in parts:
        app.include_router(part.routes)
    return app


def switched_on(names: str) -> frozenset[str]:
    on = frozenset(name.strip() for name in names.split(",") if name.strip())
    if unknown := sorted(on.difference(ALL)):
        sys.exit(f"MODULES={names!r}: there is no module {', '.join(unknown)}")
    return on


def put_together(database: Database, on: frozenset[str], users_url: str) -> list[Part]:
    """The modules that are on, wired to each other, or to where the others are now."""
    parts = []
    if "users" in on:
        needed_by = [partial(orders.has_orders, database)] if "orders" in on else []
        parts.append(users.part(database, needed_by))
    if "orders" in on:
        who = users.Here(database) if "users" in on else users.Elsewhere(users_url)
        told: Callable[[str, str], None] = (
            partial(notifications.order_placed, database) if "notifications" in on else lambda _user, _order: None
        )
        parts.append(orders.part(database, who, told))
    if "notifications" in on:
        parts.append(notifications.part(database))
    return parts
