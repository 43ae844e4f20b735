"""HTTP: everything the shop has, and the table that says who answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from gateway.routes import Base, Routes
from gateway.upstream import Unavailable, Upstream, call_of, passed_on
from lab.chassis import web
from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    shop_url: str
    users_url: str
    http_timeout_ms: int = 4000


class Turn(BaseModel):
    prefix: Literal["/users"]
    target: str


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    routes = Routes(database)
    shop = Upstream("shop", settings.shop_url, settings.http_timeout_ms / 1000)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        yield
        await shop.close()
        database.close()

    app = web.create_app("gateway", Health(required={"database": database.check}), lifespan)

    @app.put("/admin/routes")
    async def turn(turn: Turn) -> Turn:
        # TODO: which targets are there? And what has to be true before somebody else may answer?
        await run_in_threadpool(routes.put, turn.prefix, turn.target)
        return turn

    @app.api_route("/{path:path}", methods=METHODS)
    async def everything(request: Request) -> Response:
        # TODO: /users is answered by whom the table names.
        try:
            return passed_on(await shop.send(await call_of(request)))
        except Unavailable as error:
            raise Problem(503, "shop_unavailable", str(error)) from None

    return app
