"""HTTP: `GET /home/{user_id}`, put together from users, reco and orders."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI

from gateway.upstream import Unavailable, Upstream
from lab.chassis import web
from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    users_url: str
    reco_url: str
    orders_url: str
    http_timeout_ms: int = 1000
    stale_max_s: float = 60


def create_app(settings: Settings) -> FastAPI:
    timeout = settings.http_timeout_ms / 1000
    users = Upstream(settings.users_url, timeout)
    reco = Upstream(settings.reco_url, timeout)
    orders = Upstream(settings.orders_url, timeout)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        for upstream in (users, reco, orders):
            await upstream.close()

    app = web.create_app("gateway", Health(), lifespan)

    @app.get("/home/{user_id}")
    async def home(user_id: str) -> dict[str, Any]:
        ident = quote(user_id, safe="")
        # TODO: one of three is missing, and the whole page is. Which of them can the page do without, and how does it
        # say so? And must they really wait for each other?
        try:
            user = await users.get(f"/users/{ident}")
            liked = await reco.get(f"/recommendations/{ident}")
            placed = await orders.get(f"/orders?user_id={ident}")
        except Unavailable as error:
            raise Problem(503, "upstream_unavailable", f"Something is missing: {error}") from error
        if user is None:
            raise Problem(404, "unknown_user", f"There is no user {user_id}.")
        return {
            "user": user,
            "recommendations": liked["items"] if liked else [],
            "orders": placed["items"] if placed else [],
            "degraded": [],
            "stale": False,
        }

    return app
