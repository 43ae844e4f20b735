"""HTTP: users and orders to the outside, and the door where one logs in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from gateway.bulkhead import Bulkhead, Full
from gateway.telemetry import observe
from gateway.upstream import Knobs, Unavailable, Upstream
from lab.chassis import problems
from lab.chassis.problems import Problem


@dataclass(frozen=True, kw_only=True)
class Settings(Knobs):
    users_url: str
    orders_url: str
    bulkhead_orders_max: int = 8
    bulkhead_queue_ms: int = 200


class Order(BaseModel):
    user_id: str
    item: str


class Login(BaseModel):
    email: str
    password: str


def create_app(settings: Settings) -> FastAPI:
    users = Upstream("users", settings.users_url, settings)
    # orders tries users again in turn, and has to be heard when it has given up
    patience = (settings.total_timeout_ms + settings.http_timeout_ms) / 1000
    orders = Upstream("orders", settings.orders_url, settings, patience)
    places = Bulkhead(settings.bulkhead_orders_max, settings.bulkhead_queue_ms / 1000)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await users.close()
        await orders.close()

    app = FastAPI(title="gateway", lifespan=lifespan)
    problems.install(app)
    app.add_exception_handler(Full, _busy)
    observe(app, settings.service_name, users.seen, orders.seen)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/users/{id}")
    async def user(id: str) -> Response:
        return await _asked(users, "GET", f"/users/{quote(id, safe='')}")

    @app.post("/orders")
    async def place(order: Order) -> Response:
        async with places.place():
            return await _asked(orders, "POST", "/orders", order.model_dump())

    @app.post("/login")
    async def login(given: Login) -> Response:
        answer = await _asked(users, "POST", "/sessions", given.model_dump())
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise Problem(401, "wrong_password", "E-mail and password do not fit.")
        return answer

    return app


async def _asked(upstream: Upstream, method: str, path: str, json: Any = None) -> Response:
    """The answer as it came; of its headers only those that still mean the same one hop further."""
    try:
        answer = await upstream.ask(method, path, json)
    except Unavailable as error:
        raise Problem(503, f"{upstream.name}_unavailable", f"{upstream.name} does not answer: {error}.") from error
    kept = {name: answer.headers[name] for name in ("content-type", "retry-after") if name in answer.headers}
    return Response(answer.content, answer.status_code, kept)


def _busy(_: Request, __: Exception) -> JSONResponse:
    """What whoever finds no place is told."""
    refused = problems.answer(503, "busy", "Too many orders at once. Come back in a moment.")
    refused.headers["Retry-After"] = "1"
    return refused
