"""HTTP: everything that visitors may ask for. It keeps nothing itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

import httpx
from fastapi import FastAPI, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings, SettingsError
from lab.chassis.web import create_app as web_app
from lab.day2_microservices.gateway.neighbour import Neighbour
from lab.day2_microservices.gateway.pages import Pages

METHODS = ["GET", "POST", "PATCH", "DELETE"]
PASSED_ON = ("content-type", "retry-after")
"""Headers of an answer that mean something to who asked."""


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    users_url: str
    orders_url: str
    users_timeout_ms: int = 1000
    orders_timeout_ms: int = 2500
    """Longer than orders waits for users, so that its own answer ("users cannot be asked") is heard."""
    compose: str = "batch"
    """`batch` or `one-by-one`: how a page of orders gets its users."""


def create_app(settings: Settings) -> FastAPI:
    """Raises SettingsError."""
    if settings.compose not in ("batch", "one-by-one"):
        raise SettingsError(f"COMPOSE={settings.compose!r} is neither batch nor one-by-one")
    users = Neighbour("users", settings.users_url, settings.users_timeout_ms / 1000)
    orders = Neighbour("orders", settings.orders_url, settings.orders_timeout_ms / 1000)
    pages = Pages(users, orders, batch=settings.compose == "batch")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        users.close()
        orders.close()

    # It is ready without its neighbours: a gateway that goes down with one of them takes the others with it.
    app = web_app("gateway", Health(), lifespan)

    @app.get("/pages/users/{user_id}")
    def user_page(user_id: str) -> dict[str, Any]:
        return pages.of_user(user_id)

    @app.get("/pages/orders")
    def orders_page(limit: Annotated[int, Query(ge=1, le=100)] = 20) -> dict[str, Any]:
        return pages.of_orders(limit)

    @app.delete("/users/{user_id}")
    def remove(user_id: str) -> Response:
        """Monday's foreign key kept a user who has orders. No key reaches from one database into another, so the rule
        is a question now, asked by the one who knows both. It is weaker: an order that is placed between question and
        answer stays without its user. While orders cannot be asked nobody is deleted."""
        if pages.has_orders(user_id):
            raise Problem(409, "user_has_orders", f"User {user_id} has orders.")
        return _told(users.send("DELETE", f"/users/{quote(user_id, safe='')}", params={}))

    for root, neighbour in (("/users", users), ("/orders", orders), ("/wallets", orders)):
        for path in (root, root + "/{rest:path}"):
            app.add_api_route(path, _passed_on(neighbour), methods=METHODS, include_in_schema=False)
    return app


def _passed_on(neighbour: Neighbour) -> Callable[[Request], Awaitable[Response]]:
    """A route that says what the neighbour says."""

    async def answer(request: Request) -> Response:
        body = await request.body()
        heard = await run_in_threadpool(
            neighbour.send,
            request.method,
            request.scope["raw_path"].decode("ascii"),
            params=dict(request.query_params),
            body=body,
            kind=request.headers.get("content-type", ""),
        )
        return _told(heard)

    return answer


def _told(heard: httpx.Response) -> Response:
    """What the neighbour said, as an answer of ours."""
    headers = {name: heard.headers[name] for name in PASSED_ON if name in heard.headers}
    return Response(heard.content, heard.status_code, headers)
