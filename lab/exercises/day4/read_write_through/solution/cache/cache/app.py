"""HTTP: read through the cache, write through it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from cache.layer import Layer
from cache.origin import Origin, Product, Unavailable
from cache.store import Store, StoreDown
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
    store = Store(
        settings.redis_url,
        ttl=settings.cache_ttl_s,
        doubt=2 * settings.http_timeout_ms / 1000,
        timeout=settings.redis_timeout_ms / 1000,
    )
    layer = Layer(origin, store)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        store.close()
        origin.close()

    app = create_web_app("cache", Health(), lifespan)

    @app.get("/cache/products/{product_id}")
    def read(product_id: str) -> Product:
        try:
            product = layer.read(product_id)
        except Unavailable as error:
            raise _unavailable(error) from None
        if product is None:
            raise Problem(404, "unknown_product", f"There is no product {product_id}.")
        return product

    @app.put("/cache/products/{product_id}")
    def write(product_id: str, new: Change) -> Product:
        try:
            return layer.write(product_id, new.name, new.price)
        except (Unavailable, StoreDown) as error:
            raise _unavailable(error) from None

    return app


def _unavailable(error: Unavailable | StoreDown) -> Problem:
    dependency = "origin" if isinstance(error, Unavailable) else "redis"
    log.warning("%s is unavailable: %s", dependency, error, extra={"dependency": dependency})
    return Problem(503, f"{dependency}_unavailable", "This cannot be done just now.", headers={"Retry-After": "1"})
