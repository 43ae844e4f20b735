"""HTTP: read a product, change one. Both count its sales, by looking through all of them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ScalarSelect, case, func, select, update
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database, rows_of
from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as web_app
from lab.day4_cache.origin.models import Base, Product, Sale, furnish

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    sales: int = 120_000


class Change(BaseModel):
    """`version` is given by whoever has numbered changes already, before they are written."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    price: Annotated[int, Field(ge=0, le=1_000_000_000)]
    version: Annotated[int, Field(ge=0)] = 0


class ProductView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    price: int
    version: int
    sold: int


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)

    def start() -> None:
        database.create_tables(Base.metadata)
        with database.write() as session:
            furnish(session, settings.sales)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(start)
        yield
        await run_in_threadpool(database.close)

    app = web_app("origin", Health(required={"database": database.check}), lifespan)

    @app.get("/products/{product_id}")
    def show(product_id: str) -> ProductView:
        with database.read() as session:
            sold = session.scalar(select(_sold(product_id))) or 0
        with database.read() as session:
            product = session.get(Product, product_id)
        if product is None:
            raise _unknown(product_id)
        return _shown(product, sold)

    @app.put("/products/{product_id}")
    def change(product_id: str, new: Change) -> ProductView:
        values = {
            "name": new.name,
            "price": new.price,
            "version": case((Product.version >= new.version, Product.version + 1), else_=new.version),
            "sold_before": _sold(product_id),
        }
        with database.write() as session:
            if not rows_of(session, update(Product).where(Product.id == product_id).values(values)):
                raise _unknown(product_id)
            product = session.get_one(Product, product_id)
        stored = {"event": "stored", "entity": "product", "id": product_id, "version": product.version}
        log.info("product %s is stored", product_id, extra=stored)
        return _shown(product, product.sold_before)

    return app


def _sold(product_id: str) -> ScalarSelect[int]:
    """How many baskets hold the product."""
    return select(func.count()).select_from(Sale).where(Sale.basket.contains(f",{product_id},")).scalar_subquery()


def _shown(product: Product, sold: int) -> ProductView:
    return ProductView(id=product.id, name=product.name, price=product.price, version=product.version, sold=sold)


def _unknown(product_id: str) -> Problem:
    return Problem(404, "unknown_product", f"There is no product {product_id}.")
