"""HTTP: `GET /home/{user_id}`. Without the user there is no page; without the rest there is a poorer one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from prometheus_client import Counter

from gateway.memory import LastGood
from gateway.parts import OptionalPart
from gateway.upstream import Unavailable, Upstream
from lab.chassis import web
from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings

FALLBACKS = Counter("fallback_total", "Answers in which a dependency was replaced by something else", ["dependency"])

BESTSELLERS = [{"id": "bestseller-1", "name": "Green tea, 95"}, {"id": "bestseller-2", "name": "Samarkand bread"}]
"""Shown where nobody can say what this user would like. A constant is the one thing that is never down."""


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
    reco = OptionalPart("reco", Upstream(settings.reco_url, timeout), LastGood(settings.stale_max_s), BESTSELLERS)
    orders = OptionalPart("orders", Upstream(settings.orders_url, timeout), LastGood(settings.stale_max_s))
    for part in (reco, orders):
        FALLBACKS.labels(part.name)  # 0 is a figure, too: nobody can watch a series that is not there

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        for upstream in (users, reco.upstream, orders.upstream):
            await upstream.close()

    app = web.create_app("gateway", Health(), lifespan)

    @app.get("/home/{user_id}")
    async def home(user_id: str) -> dict[str, Any]:
        ident = quote(user_id, safe="")
        # Side by side: one after the other, three timeouts would add up to the page's.
        try:
            user, liked, placed = await asyncio.gather(
                users.get(f"/users/{ident}"),
                reco.of(user_id, f"/recommendations/{ident}"),
                orders.of(user_id, f"/orders?user_id={ident}"),
            )
        except Unavailable as error:
            raise Problem(503, "users_unavailable", f"Without users there is no home page: {error}") from error
        if user is None:
            raise Problem(404, "unknown_user", f"There is no user {user_id}.")
        sources = {reco.name: liked.source, orders.name: placed.source}
        degraded = [name for name, source in sources.items() if source != "fresh"]
        for name in degraded:
            FALLBACKS.labels(name).inc()
        return {
            "user": user,
            "recommendations": liked.items,
            "orders": placed.items,
            "degraded": degraded,
            "stale": "stale" in sources.values(),
        }

    return app
