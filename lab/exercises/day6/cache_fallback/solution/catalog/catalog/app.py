"""HTTP: look at a product, change it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Response
from prometheus_client import Counter
from pydantic import BaseModel, ConfigDict, Field

from catalog.cache import Cache
from catalog.origin import Origin, Product, Unavailable
from catalog.products import Products
from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app

READS = Counter("cache_requests", "Reads of products, by what the cache did for them.", ["result"])
for result in ("hit", "miss", "bypass"):
    READS.labels(result)  # from the start, for nobody can watch a series that is not there

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    origin_url: str
    redis_url: str
    cache_ttl_s: float = 30
    neg_ttl_s: float = 2
    http_timeout_ms: int = 2000
    redis_timeout_ms: int = 200
    origin_max: int = 10
    lock_ttl_ms: int = 2000


class Change(BaseModel):
    model_config = ConfigDict(strict=True)

    name: Annotated[str, Field(min_length=1, max_length=200)]
    price: Annotated[int, Field(ge=0, le=1_000_000_000)]


def create_app(settings: Settings) -> FastAPI:
    origin = Origin(settings.origin_url, settings.http_timeout_ms / 1000, settings.origin_max)
    lock_ttl = settings.lock_ttl_ms / 1000
    cache = Cache(
        settings.redis_url, settings.cache_ttl_s, settings.neg_ttl_s, settings.redis_timeout_ms / 1000, lock_ttl
    )
    products = Products(origin, cache, cache_ttl=settings.cache_ttl_s, lock_ttl=lock_ttl)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        products.close()
        cache.close()
        origin.close()

    app = create_web_app("catalog", Health(optional={"cache": cache.check}), lifespan)

    @app.get("/products/{product_id}")
    def show(product_id: str, response: Response) -> Product:
        try:
            product, how = products.read(product_id)
        except Unavailable as error:
            raise _unavailable(error) from None
        READS.labels(how).inc()
        response.headers["X-Cache"] = how
        if product is None:
            raise Problem(404, "unknown_product", f"There is no product {product_id}.")
        return product

    @app.put("/products/{product_id}")
    def change(product_id: str, new: Change) -> Product:
        try:
            return products.write(product_id, new.name, new.price)
        except Unavailable as error:
            raise _unavailable(error) from None

    return app


def _unavailable(error: Unavailable) -> Problem:
    log.warning("the origin is unavailable: %s", error, extra={"dependency": "origin"})
    return Problem(503, "origin_unavailable", "The origin cannot be asked just now.", headers={"Retry-After": "1"})
