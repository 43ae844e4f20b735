"""HTTP: everything the shop has, and the table that says who answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from gateway.copies import NotCopied
from gateway.route import Route, parse
from gateway.routes import Base, Routes
from gateway.strangler import Strangler
from gateway.upstream import Unavailable, Upstream, call_of, passed_on
from lab.chassis import web
from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
PREFIX = "/users"
LEGACY = Route("legacy")


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
    shop, users = (
        Upstream(name, url, settings.http_timeout_ms / 1000)
        for name, url in (("shop", settings.shop_url), ("users", settings.users_url))
    )
    strangler: Strangler

    async def save(route: Route) -> None:
        await run_in_threadpool(routes.put, PREFIX, route.target)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        nonlocal strangler
        await run_in_threadpool(database.create_tables, Base.metadata)
        route = parse(await run_in_threadpool(routes.get, PREFIX)) or LEGACY
        strangler = Strangler(route, save, shop, users)
        keeping_up = asyncio.create_task(strangler.keep_up())
        yield
        keeping_up.cancel()
        await shop.close()
        await users.close()
        database.close()

    # Ready is who can pass something on, and each of the two can be away: neither is required.
    app = web.create_app("gateway", Health(required={"database": database.check}), lifespan)

    @app.put("/admin/routes")
    async def turn(turn: Turn) -> Turn:
        route = parse(turn.target)
        if route is None:
            raise Problem(422, "unknown_target", "A target is legacy, new, shadow or percent:NN.")
        try:
            await strangler.turn(route)
        except NotCopied as reason:
            raise Problem(503, "not_copied", f"Everything stays as it was: {reason}") from None
        return turn

    @app.api_route("/users", methods=METHODS)
    @app.api_route("/users/{path:path}", methods=METHODS)
    async def moved(request: Request) -> Response:
        try:
            return passed_on(await strangler.answer(await call_of(request)))
        except Unavailable as error:
            raise Problem(503, "users_unavailable", str(error)) from None

    @app.api_route("/{path:path}", methods=METHODS)
    async def everything_else(request: Request) -> Response:
        try:
            return passed_on(await shop.send(await call_of(request)))
        except Unavailable as error:
            raise Problem(503, "shop_unavailable", str(error)) from None

    return app
