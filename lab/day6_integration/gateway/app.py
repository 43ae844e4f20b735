"""HTTP: everything that visitors may ask for, and the route table for those who move it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from fastapi import FastAPI, Request, Response
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as web_app
from lab.day6_integration.calls.neighbour import Call, Neighbour
from lab.day6_integration.gateway.routes import Base, Route, Routes
from lab.day6_integration.gateway.strangler import Strangler

METHODS = ["GET", "POST", "PATCH", "DELETE"]
PASSED_ON = ("content-type", "retry-after")
"""Headers of an answer that mean something to who asked."""


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    legacy_url: str
    users_url: str
    orders_url: str
    legacy_timeout_ms: int = 5000
    users_timeout_ms: int = 2000
    orders_timeout_ms: int = 5000


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    routes = Routes(database)
    legacy = Neighbour("legacy", settings.legacy_url, timeout=settings.legacy_timeout_ms / 1000, attempts=2)
    users = Neighbour("users", settings.users_url, timeout=settings.users_timeout_ms / 1000, attempts=2)
    orders = Neighbour("orders", settings.orders_url, timeout=settings.orders_timeout_ms / 1000, attempts=2)
    # What the monolith offers, by the first word of each path, and what has come in its place.
    parts = {"users": users, "orders": orders, "wallets": None, "report": None}
    stranglers = {part: Strangler(part, legacy, new) for part, new in parts.items()}

    def start() -> None:
        database.create_tables(Base.metadata)
        for part, strangler in stranglers.items():
            strangler.tell(routes.get(part))

    def stop() -> None:
        for neighbour in (legacy, users, orders):
            neighbour.close()
        database.close()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(start)
        yield
        await run_in_threadpool(stop)

    # It is ready without its neighbours: a gateway that goes down with one of them takes the others with it.
    app = web_app("gateway", Health(required={"database": database.check}), lifespan)

    @app.get("/routes")
    def table() -> dict[str, Route]:
        return {part: routes.get(part) for part in stranglers}

    @app.put("/routes/{part}")
    def switch(part: str, route: Route) -> Route:
        if part not in stranglers:
            raise Problem(404, "unknown_route", f"There is no route {part}.")
        if not stranglers[part].may(route):
            raise Problem(409, "nothing_new", f"There is no new service for {part}.")
        routes.put(part, route)
        stranglers[part].tell(route)
        return route

    def pass_on(part: str) -> Callable[[Request], Awaitable[Response]]:
        """Handles requests for this part of the shop."""
        strangler = stranglers[part]

        def ask(call: Call) -> Response:
            route = routes.get(part)
            answer = strangler.answer(route, call)
            compared = route.mode == "shadow" and call.reads
            return _answer(answer, BackgroundTask(strangler.compare, call, answer) if compared else None)

        async def answer(request: Request) -> Response:
            return await run_in_threadpool(ask, await _call(request))

        return answer

    for part in stranglers:
        for path in (f"/{part}", f"/{part}/{{rest:path}}"):
            app.add_api_route(path, pass_on(part), methods=METHODS, include_in_schema=False)
    return app


async def _call(request: Request) -> Call:
    return Call(
        method=request.method,
        path=request.scope["raw_path"].decode("ascii"),
        params=dict(request.query_params),
        body=await request.body(),
        kind=request.headers.get("content-type", ""),
    )


def _answer(heard: httpx.Response, background: BackgroundTask | None = None) -> Response:
    headers = {name: heard.headers[name] for name in PASSED_ON if name in heard.headers}
    return Response(heard.content, heard.status_code, headers, background=background)
