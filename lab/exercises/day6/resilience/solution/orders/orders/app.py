"""HTTP: `POST /orders`, for customers who exist, with what they might like besides."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from fastapi import FastAPI
from prometheus_client import Counter
from pydantic import BaseModel

from lab.chassis import problems
from lab.chassis.problems import Problem
from orders.telemetry import observe
from orders.upstream import Knobs, Unavailable, Upstream

FALLBACKS = Counter("fallback_total", "Answers in which a dependency was replaced by something else", ["dependency"])


@dataclass(frozen=True, kw_only=True)
class Settings(Knobs):
    users_url: str
    reco_url: str


class Order(BaseModel):
    user_id: str
    item: str


def create_app(settings: Settings) -> FastAPI:
    users = Upstream("users", settings.users_url, settings)
    reco = Upstream("reco", settings.reco_url, settings)
    FALLBACKS.labels(reco.name)  # 0 is a figure, too

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await users.close()
        await reco.close()

    app = FastAPI(title="orders", lifespan=lifespan)
    problems.install(app)
    observe(app, settings.service_name, users.seen, reco.seen)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.post("/orders", status_code=201)
    async def place(order: Order) -> dict[str, Any]:
        ident = quote(order.user_id, safe="")
        await _must_exist(users, ident)
        liked = await _recommended(reco, ident)
        if liked is None:
            FALLBACKS.labels(reco.name).inc()
        return {
            "id": str(uuid.uuid4()),
            **order.model_dump(),
            "recommendations": liked or [],
            "degraded": [reco.name] if liked is None else [],
        }

    return app


async def _must_exist(users: Upstream, ident: str) -> None:
    try:
        status = (await users.ask("GET", f"/users/{ident}")).status_code
    except Unavailable as error:
        raise Problem(503, "users_unavailable", "Nobody can say whether this customer exists.") from error
    if status == httpx.codes.NOT_FOUND:
        raise Problem(422, "unknown_user", f"There is no user {ident}.")
    if status != httpx.codes.OK:
        raise Problem(503, "users_unavailable", f"users answered {status}.")


async def _recommended(reco: Upstream, ident: str) -> list[Any] | None:
    """What this customer might like; None if nobody can say. Asked once: it is not worth waiting for."""
    try:
        found = (await reco.ask("GET", f"/recommendations/{ident}", once=True)).json()
    except (Unavailable, ValueError):
        return None
    items = found.get("items") if isinstance(found, dict) else None
    return items if isinstance(items, list) else None
