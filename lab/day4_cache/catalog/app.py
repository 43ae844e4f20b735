"""HTTP: look at a product, change it. How that is answered is the strategy's."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings, SettingsError
from lab.chassis.web import create_app as web_app
from lab.day4_cache.catalog.cache import Cache
from lab.day4_cache.catalog.hands import Hands
from lab.day4_cache.catalog.loading import Loading
from lab.day4_cache.catalog.origin import Origin, Product, Unavailable
from lab.day4_cache.catalog.strategies import STRATEGIES

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    origin_url: str
    redis_url: str
    strategy: str = "cache-aside"
    cache_ttl_s: float = 10.0
    neg_ttl_s: float = 2.0
    """0: what does not exist is not remembered."""
    redis_timeout_ms: int = 200
    """0: what the client's own defaults are."""
    workers: int = 40
    """Requests that are worked on at one time; the others wait for their turn."""
    origin_pool: int = 20
    """Connections to the origin, and so calls to it at one time."""
    jitter: int = 1
    single_flight: int = 1


class Change(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    price: Annotated[int, Field(ge=0, le=1_000_000_000)]


def create_app(settings: Settings) -> FastAPI:
    if settings.strategy not in STRATEGIES:
        raise SettingsError(f"STRATEGY={settings.strategy!r} is not one of {', '.join(STRATEGIES)}")
    origin = Origin(settings.origin_url, connections=settings.origin_pool)
    cache = Cache(
        settings.redis_url,
        ttl=settings.cache_ttl_s,
        negative_ttl=settings.neg_ttl_s,
        jitter=bool(settings.jitter),
        timeout=settings.redis_timeout_ms / 1000 or None,
    )
    loading = Loading(cache, origin, single_flight=bool(settings.single_flight))
    products = STRATEGIES[settings.strategy](cache, loading, origin)

    def stop() -> None:
        products.stop()
        cache.close()
        origin.close()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        products.start()
        yield
        await run_in_threadpool(stop)

    app = web_app("catalog", Health(optional={"cache": cache.check}), lifespan)
    app.add_middleware(Hands, workers=settings.workers)

    @app.get("/products/{product_id}")
    def show(product_id: str, response: Response) -> Product:
        began = time.perf_counter()
        try:
            found = products.read(product_id)
        except Unavailable as error:
            raise _unavailable(error) from None
        response.headers["X-Cache"] = found.how
        if found.product is None:
            raise _unknown(product_id)
        ms = round((time.perf_counter() - began) * 1000, 1)
        _tell("read", found.product, cache=found.how, ms=ms)
        return found.product

    @app.put("/products/{product_id}")
    def change(product_id: str, new: Change) -> Product:
        try:
            product = products.write(product_id, new.name, new.price)
        except Unavailable as error:
            raise _unavailable(error) from None
        if product is None:
            raise _unknown(product_id)
        _tell("written", product)
        return product

    return app


def _tell(event: str, product: Product, **more: object) -> None:
    """Which version was shown or promised: whoever compares the lines sees what was stale, and what was lost."""
    told = {"event": event, "entity": "product", "id": product.id, "version": product.version, **more}
    log.info("product %s is %s, version %d", product.id, event, product.version, extra=told)


def _unknown(product_id: str) -> Problem:
    return Problem(404, "unknown_product", f"There is no product {product_id}.")


def _unavailable(error: Unavailable) -> Problem:
    log.warning("the origin is unavailable: %s", error, extra={"dependency": "origin"})
    return Problem(503, "origin_unavailable", "The origin cannot be asked just now.", headers={"Retry-After": "1"})
