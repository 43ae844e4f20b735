"""HTTP: the monolith's API of users. Reads are answered from the copy, writes go to the record first.

Orders are still in the monolith, and hold on to its table of users. Until they have moved out, the record stays there,
which is also the way back: whoever is registered here is known there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Query, Response
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as web_app
from lab.day6_integration.users.copies import Copies
from lab.day6_integration.users.legacy import Legacy
from lab.day6_integration.users.models import Base
from lab.day6_integration.users.sweeper import Sweeper
from lab.day6_integration.users.views import Registration, Renaming, UserView


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    legacy_url: str
    legacy_timeout_ms: int = 1000
    """Shorter than what the gateway waits for users: who waits longer than his own caller works for nobody."""
    sweep_ms: int = 1000


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    legacy = Legacy(settings.legacy_url, settings.legacy_timeout_ms / 1000)
    copies = Copies(database, legacy)
    sweeper = Sweeper(copies.sweep, settings.sweep_ms / 1000)

    def stop() -> None:
        sweeper.close()
        legacy.close()
        database.close()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        sweeper.start()
        yield
        await run_in_threadpool(stop)

    app = web_app("users", Health(required={"database": database.check}), lifespan)

    @app.post("/users", status_code=201)
    def register(registration: Registration) -> UserView:
        user = legacy.register(registration)
        copies.keep(user)
        return user

    @app.get("/users/{user_id}")
    def show(user_id: str) -> UserView:
        user = copies.find(user_id)
        if user is None:
            raise Problem(404, "unknown_user", f"There is no user {user_id}.")
        return user

    @app.get("/users")
    def list_users(limit: Annotated[int, Query(ge=1, le=1000)] = 100, after: str = "") -> dict[str, list[UserView]]:
        """In the order of ids; `after` is the last id of the page before."""
        return {"items": copies.page(after, limit)}

    @app.patch("/users/{user_id}")
    def rename(user_id: str, renaming: Renaming) -> UserView:
        copies.doubt(user_id)
        user = legacy.rename(user_id, renaming)
        copies.keep(user)
        return user

    @app.delete("/users/{user_id}", status_code=204)
    def remove(user_id: str) -> Response:
        copies.doubt(user_id)
        legacy.remove(user_id)
        copies.drop(user_id)
        return Response(status_code=204)

    @app.put("/copies/{user_id}", status_code=204)
    def renew(user_id: str) -> Response:
        """The monolith has changed this user: have a look."""
        copies.renew(user_id)
        return Response(status_code=204)

    return app
