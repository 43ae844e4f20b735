"""HTTP: `GET /order-view/{id}`, the head of a customer's order page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from fastapi import FastAPI

from gateway.breaker import Breaker
from gateway.telemetry import reporter
from gateway.upstream import Unavailable, Upstream
from lab.chassis import web
from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    users_url: str
    reco_url: str
    http_timeout_ms: int = 1500
    breaker_failures: int = 5
    breaker_reset_ms: int = 2000
    breaker_half_open_max: int = 1


def create_app(settings: Settings) -> FastAPI:
    users = _upstream("users", settings.users_url, settings)
    reco = _upstream("reco", settings.reco_url, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await users.close()
        await reco.close()

    app = web.create_app("gateway", Health(), lifespan)

    @app.get("/order-view/{user_id}")
    async def order_view(user_id: str) -> dict[str, Any]:
        ident = quote(user_id, safe="")
        user, liked = await asyncio.gather(
            _or_unavailable(users.get(f"/users/{ident}")), _or_unavailable(reco.get(f"/recommendations/{ident}"))
        )
        if user is None:
            raise Problem(404, "unknown_user", f"There is no user {user_id}.")
        return {
            "user": user if isinstance(user, dict) else None,
            "recommendations": liked.get("items", []) if isinstance(liked, dict) else [],
            "degraded": isinstance(user, Unavailable) or isinstance(liked, Unavailable),
        }

    return app


async def _or_unavailable(call: Awaitable[T]) -> T | Unavailable:
    """The result, or the reason why there is none: the page goes on without it."""
    try:
        return await call
    except Unavailable as reason:
        return reason


def _upstream(name: str, url: str, settings: Settings) -> Upstream:
    breaker = Breaker(
        failures=settings.breaker_failures,
        reset=settings.breaker_reset_ms / 1000,
        probes=settings.breaker_half_open_max,
        on_change=reporter(name),
    )
    return Upstream(url, settings.http_timeout_ms / 1000, breaker)
