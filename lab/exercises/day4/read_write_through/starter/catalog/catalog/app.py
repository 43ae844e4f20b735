"""HTTP: look at a product, change it. Where products are, and which copies there are of them, is the layer's matter."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from catalog.layer import Layer, Product, Unavailable
from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    cache_url: str
    http_timeout_ms: int = 6000


class Change(BaseModel):
    model_config = ConfigDict(strict=True)

    name: Annotated[str, Field(min_length=1, max_length=200)]
    price: Annotated[int, Field(ge=0, le=1_000_000_000)]


def create_app(settings: Settings) -> FastAPI:
    layer = Layer(settings.cache_url, settings.http_timeout_ms / 1000)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        layer.close()

    app = create_web_app("catalog", Health(), lifespan)

    @app.get("/products/{product_id}")
    def show(product_id: str) -> Product:
        try:
            product = layer.read(product_id)
        except Unavailable as error:
            raise _unavailable(error) from None
        if product is None:
            raise Problem(404, "unknown_product", f"There is no product {product_id}.")
        return product

    @app.put("/products/{product_id}")
    def change(product_id: str, new: Change) -> Product:
        try:
            return layer.write(product_id, new.name, new.price)
        except Unavailable as error:
            raise _unavailable(error) from None

    return app


def _unavailable(error: Unavailable) -> Problem:
    log.warning("the cache layer is unavailable: %s", error, extra={"dependency": "cache"})
    return Problem(503, "cache_unavailable", "Products cannot be had just now.", headers={"Retry-After": "1"})
