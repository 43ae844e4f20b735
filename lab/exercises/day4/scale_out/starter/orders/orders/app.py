"""Orders as one process. It works well for as long as there is one."""

from __future__ import annotations

import itertools
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Header
from pydantic import BaseModel, ConfigDict, Field

from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from orders.origin import Job, Origin


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    origin_url: str
    redis_url: str
    http_timeout_ms: int = 2000
    max_inflight: int = 4
    rate_limit: int = 10
    rate_window_s: int = 10


class NewItem(BaseModel):
    model_config = ConfigDict(strict=True)

    sku: Annotated[str, Field(min_length=1, max_length=64)]
    qty: Annotated[int, Field(gt=0, le=1_000_000)]


class Item(NewItem):
    id: str


class Cart(BaseModel):
    id: str
    items: list[Item]


def create_app(settings: Settings) -> FastAPI:
    origin = Origin(settings.origin_url, settings.http_timeout_ms / 1000)
    at_work = threading.Lock()
    carts: dict[str, list[Item]] = defaultdict(list)
    numbers = itertools.count(1)
    asked: dict[str, list[float]] = defaultdict(list)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        origin.close()

    app = create_web_app("orders", Health(), lifespan)

    @app.get("/jobs/{job_id}")
    def work(job_id: str) -> Job:
        with at_work:  # TODO: one at a time? MAX_INFLIGHT of them
            return origin.job(job_id)

    @app.post("/carts/{cart_id}/items", status_code=201)
    def add(cart_id: str, new: NewItem) -> Item:
        # TODO: the next request may come to another instance, which has other carts and the same numbers
        item = Item(id=str(next(numbers)), sku=new.sku, qty=new.qty)
        carts[cart_id].append(item)
        return item

    @app.get("/carts/{cart_id}")
    def show(cart_id: str) -> Cart:
        if cart_id not in carts:
            raise Problem(404, "unknown_cart", f"There is no cart {cart_id}.")
        return Cart(id=cart_id, items=carts[cart_id])

    @app.get("/limited")
    def limited(x_user: Annotated[str, Header()]) -> dict[str, str]:
        # TODO: with three instances it is three times RATE_LIMIT
        now = time.monotonic()
        asked[x_user] = recent = [at for at in asked[x_user] if now - at < settings.rate_window_s]
        if len(recent) >= settings.rate_limit:
            wait = str(settings.rate_window_s)
            raise Problem(429, "rate_limited", "That was too often.", headers={"Retry-After": wait})
        recent.append(now)
        return {"status": "ok"}

    return app
