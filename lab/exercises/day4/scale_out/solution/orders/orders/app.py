"""The parts put together. Nothing that must outlast a request is in here: any instance can answer any request."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Header

from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from orders import shared
from orders.carts import Cart, Carts, Item, NewItem
from orders.limiter import Limiter
from orders.origin import Job, Origin


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    origin_url: str
    redis_url: str
    http_timeout_ms: int = 2000
    max_inflight: int = 4
    rate_limit: int = 10
    rate_window_s: int = 10


def create_app(settings: Settings) -> FastAPI:
    origin = Origin(settings.origin_url, settings.http_timeout_ms / 1000)
    redis = shared.connect(settings.redis_url)
    carts = Carts(redis)
    limiter = Limiter(redis, settings.rate_limit, settings.rate_window_s)
    places = threading.BoundedSemaphore(settings.max_inflight)  # of this instance: another one has its own

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        redis.close()
        origin.close()

    app = create_web_app("orders", Health(required={"redis": lambda: None if redis.ping() else "no answer"}), lifespan)

    @app.get("/jobs/{job_id}")
    def work(job_id: str) -> Job:
        with places:
            return origin.job(job_id)

    @app.post("/carts/{cart_id}/items", status_code=201)
    def add(cart_id: str, new: NewItem) -> Item:
        return carts.add(cart_id, new)

    @app.get("/carts/{cart_id}")
    def show(cart_id: str) -> Cart:
        cart = carts.find(cart_id)
        if cart is None:
            raise Problem(404, "unknown_cart", f"There is no cart {cart_id}.")
        return cart

    @app.get("/limited")
    def limited(x_user: Annotated[str, Header()]) -> dict[str, str]:
        if wait := limiter.wait(x_user):
            raise Problem(429, "rate_limited", "That was too often.", headers={"Retry-After": str(wait)})
        return {"status": "ok"}

    return app
