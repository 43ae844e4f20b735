"""The composition root: the one place that knows all modules, and which of them are switched on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.settings import ServiceSettings, SettingsError
from lab.chassis.web import create_app as web_app
from lab.day1_monolith.modular import reports
from lab.day1_monolith.modular.bus import Bus
from lab.day1_monolith.modular.notifications import Notifications
from lab.day1_monolith.modular.orders import Orders
from lab.day1_monolith.modular.users import Directory, RemoteUsers, Users

ALL = ("users", "orders", "notifications", "reports")


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """`modules` is a list of names separated by commas. Without `users` among them `orders` asks at `users_url`;
    `notifications` sends mails by `notify_url`."""

    database_url: str
    modules: str = ",".join(ALL)
    users_url: str = ""
    notify_url: str = ""
    report_rounds: int = 15_000
    naive: int = 0
    """1: payments read the balance, and write it back in a second transaction."""


def create_app(settings: Settings) -> FastAPI:
    """The modules that are on; of the others there are neither routes nor tables. Raises SettingsError."""
    on = _modules(settings)
    database = Database(settings.database_url)
    bus = Bus()
    closing: list[Callable[[], None]] = []
    orders: Orders | None = None

    def in_use(user_id: str) -> bool:
        """Whether a user has orders: where orders run elsewhere, nobody here can know, so it stays."""
        return orders is None or orders.has_orders_of(user_id)

    users = Users(database, bus, in_use)
    directory: Directory = users
    if "users" not in on and settings.users_url:
        remote = directory = RemoteUsers(settings.users_url)
        closing.append(remote.close)
    if "orders" in on:
        orders = Orders(database, directory, naive=bool(settings.naive))
    if "notifications" in on:
        closing.append(Notifications(bus, settings.notify_url).close)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tables = [module.tables for name, module in (("users", users), ("orders", orders)) if name in on and module]
        await run_in_threadpool(database.create_tables, *tables)
        yield
        for close in (bus.close, *closing, database.close):
            await run_in_threadpool(close)

    app = web_app("shop", Health(required={"database": database.check}), lifespan)
    if "users" in on:
        app.include_router(users.router())
    if orders is not None:
        app.include_router(orders.router())
        if "reports" in on:
            app.include_router(reports.router(orders.amounts, settings.report_rounds))
    return app


def _modules(settings: Settings) -> set[str]:
    on = {name.strip() for name in settings.modules.split(",") if name.strip()}
    if unknown := on - set(ALL):
        raise SettingsError(f"MODULES: there is no module {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    if "orders" in on and "users" not in on and not settings.users_url:
        raise SettingsError("USERS_URL is not set, and MODULES has orders without users")
    if "notifications" in on and not settings.notify_url:
        raise SettingsError("NOTIFY_URL is not set, and MODULES has notifications")
    if "reports" in on and "orders" not in on:
        raise SettingsError("MODULES has reports without orders, whose figures they are")
    return on
