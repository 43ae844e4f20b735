"""HTTP: look at a product, change it. The cache-aside of a hundred tutorials: five lines, and five mistakes."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import redis
from fastapi import FastAPI, Response
from pydantic import BaseModel, ConfigDict, Field
from redis.backoff import NoBackoff
from redis.retry import Retry

from catalog.origin import Origin, Product, Unavailable
from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    origin_url: str
    redis_url: str
    cache_ttl_s: float = 30
    neg_ttl_s: float = 2
    http_timeout_ms: int = 2000


class Change(BaseModel):
    model_config = ConfigDict(strict=True)

    name: Annotated[str, Field(min_length=1, max_length=200)]
    price: Annotated[int, Field(ge=0, le=1_000_000_000)]


def create_app(settings: Settings) -> FastAPI:
    origin = Origin(settings.origin_url, settings.http_timeout_ms / 1000)
    cache = redis.Redis.from_url(
        settings.redis_url, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0)
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        cache.close()
        origin.close()

    app = create_web_app("catalog", Health(), lifespan)

    @app.get("/products/{product_id}")
    def show(product_id: str, response: Response) -> Product:
        key = f"catalog:product:{product_id}"
        body = cache.get(key)
        response.headers["X-Cache"] = "hit" if body else "miss"
        if body:
            # TODO: who says that it is JSON, and a product?
            return Product(**json.loads(body))
        try:
            product = origin.read(product_id)
        except Unavailable as error:
            raise _unavailable(error) from None
        if product is None:
            raise Problem(404, "unknown_product", f"There is no product {product_id}.")
        # TODO: for how long?
        cache.set(key, product.model_dump_json())
        return product

    @app.put("/products/{product_id}")
    def change(product_id: str, new: Change) -> Product:
        try:
            # TODO: and who tells the cache?
            return origin.write(product_id, new.name, new.price)
        except Unavailable as error:
            raise _unavailable(error) from None

    return app


def _unavailable(error: Unavailable) -> Problem:
    log.warning("the origin is unavailable: %s", error, extra={"dependency": "origin"})
    return Problem(503, "origin_unavailable", "The origin cannot be asked just now.", headers={"Retry-After": "1"})
