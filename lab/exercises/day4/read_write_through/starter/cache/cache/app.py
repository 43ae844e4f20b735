"""HTTP: read through the cache, write through it. So far it is a cache that its users could have kept themselves."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import redis
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from redis.backoff import NoBackoff
from redis.retry import Retry

from cache.origin import Origin, Product, Unavailable
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
    http_timeout_ms: int = 2000
    redis_timeout_ms: int = 1000


class Change(BaseModel):
    model_config = ConfigDict(strict=True)

    name: Annotated[str, Field(min_length=1, max_length=200)]
    price: Annotated[int, Field(ge=0, le=1_000_000_000)]


def create_app(settings: Settings) -> FastAPI:
    origin = Origin(settings.origin_url, settings.http_timeout_ms / 1000)
    timeout = settings.redis_timeout_ms / 1000
    store = redis.Redis.from_url(
        settings.redis_url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0)
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        store.close()
        origin.close()

    app = create_web_app("cache", Health(), lifespan)

    @app.get("/cache/products/{product_id}")
    def read(product_id: str) -> Product:
        body = store.get(f"cache:product:{product_id}")
        if body:
            return Product.model_validate_json(body)
        # TODO: and if forty come by here at once?
        try:
            product = origin.read(product_id)
        except Unavailable as error:
            raise _unavailable(error) from None
        if product is None:
            raise Problem(404, "unknown_product", f"There is no product {product_id}.")
        store.set(f"cache:product:{product_id}", product.model_dump_json(), px=round(settings.cache_ttl_s * 1000))
        return product

    @app.put("/cache/products/{product_id}")
    def write(product_id: str, new: Change) -> Product:
        # TODO: this is cache-aside. Who reads next pays for it; and what if the key cannot be deleted any more?
        try:
            product = origin.write(product_id, new.name, new.price)
        except Unavailable as error:
            raise _unavailable(error) from None
        store.delete(f"cache:product:{product_id}")
        return product

    return app


def _unavailable(error: Unavailable) -> Problem:
    log.warning("the origin is unavailable: %s", error, extra={"dependency": "origin"})
    return Problem(503, "origin_unavailable", "The origin cannot be asked just now.", headers={"Retry-After": "1"})
