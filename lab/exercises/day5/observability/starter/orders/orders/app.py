"""HTTP: `POST /orders`, for customers who exist."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from pydantic import BaseModel

from lab.chassis import problems
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from orders.upstream import Unavailable, Upstream


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    users_url: str
    http_timeout_ms: int = 2000


class Order(BaseModel):
    user_id: str
    item: str


def create_app(settings: Settings) -> FastAPI:
    users = Upstream("users", settings.users_url, settings.http_timeout_ms / 1000)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await users.close()

    app = FastAPI(title="orders", lifespan=lifespan)
    problems.install(app)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz")
    async def readyz() -> dict[str, Any]:
        return {"status": "ready", "checks": {}}

    @app.post("/orders", status_code=201)
    async def place(order: Order) -> dict[str, Any]:
        try:
            status, _ = await users.ask("GET", f"/users/{quote(order.user_id, safe='')}")
        except Unavailable as error:
            print("error:", error)
            raise Problem(503, "users_unavailable", "Nobody can say whether this customer exists.") from error
        if status != 200:
            raise Problem(422, "unknown_user", f"There is no user {order.user_id}.")
        return {"id": str(uuid.uuid4()), **order.model_dump()}

    return app
