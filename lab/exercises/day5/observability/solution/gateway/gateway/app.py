"""HTTP: users and orders to the outside, and the door where one logs in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from pydantic import BaseModel

from gateway.telemetry import observe
from gateway.upstream import Unavailable, Upstream
from lab.chassis import problems
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    users_url: str
    orders_url: str
    http_timeout_ms: int = 2000


class Order(BaseModel):
    user_id: str
    item: str


class Login(BaseModel):
    email: str
    password: str


def create_app(settings: Settings) -> FastAPI:
    timeout = settings.http_timeout_ms / 1000
    users = Upstream("users", settings.users_url, timeout)
    orders = Upstream("orders", settings.orders_url, 2 * timeout)  # orders asks users in turn, and has to hear from it

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await users.close()
        await orders.close()

    app = FastAPI(title="gateway", lifespan=lifespan)
    problems.install(app)
    observe(app, settings.service_name, users.seen, orders.seen)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/users/{id}")
    async def user(id: str) -> dict[str, Any]:
        status, found = await _ask(users, "GET", f"/users/{quote(id, safe='')}")
        if status != 200:
            raise Problem(404, "unknown_user", f"There is no user {id}.")
        return found

    @app.post("/orders", status_code=201)
    async def place(order: Order) -> dict[str, Any]:
        status, placed = await _ask(orders, "POST", "/orders", order.model_dump())
        if status != 201:
            raise Problem(422, "unknown_user", f"There is no user {order.user_id}.")
        return placed

    @app.post("/login", status_code=201)
    async def login(given: Login) -> dict[str, Any]:
        status, session = await _ask(users, "POST", "/sessions", given.model_dump())
        if status != 201:
            raise Problem(401, "wrong_password", "E-mail and password do not fit.")
        return session

    return app


async def _ask(upstream: Upstream, method: str, path: str, json: Any = None) -> tuple[int, dict[str, Any]]:
    try:
        return await upstream.ask(method, path, json)
    except Unavailable as error:
        raise Problem(503, f"{upstream.name}_unavailable", f"{upstream.name} does not answer.") from error
