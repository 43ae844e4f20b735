"""HTTP: place an order, look at it, look at its saga."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.ids import correlation_id, new_id
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from orders.conductor import Conductor
from orders.models import Base, Order
from orders.neighbours import Neighbours, Urls


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    inventory_url: str
    payment_url: str
    notify_url: str
    http_timeout_ms: int = 1000
    saga_timeout_ms: int = 4000
    retry_delay_ms: int = 200


class OrderRequest(BaseModel):
    sku: Annotated[str, Field(min_length=1, max_length=64)]
    amount: Annotated[int, Field(gt=0)]


class OrderView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    sku: str
    amount: int
    status: str
    reason: str


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    urls = Urls(settings.inventory_url, settings.payment_url, settings.notify_url)
    neighbours = Neighbours(urls, settings.http_timeout_ms / 1000)
    conductor = Conductor(database, neighbours)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        yield
        neighbours.close()
        database.close()

    app = create_web_app("orders", Health(required={"database": database.check}), lifespan)

    @app.post("/orders", status_code=202)
    def place(request: OrderRequest) -> OrderView:
        order = Order(
            id=new_id(),
            sku=request.sku,
            amount=request.amount,
            status="pending",
            reason="",
            request_id=correlation_id(),
        )
        with database.write() as session:
            session.add(order)
        view = OrderView.model_validate(order)
        conductor.begin(order)
        return view

    @app.get("/orders/{order_id}")
    def show(order_id: str) -> OrderView:
        with database.read() as session:
            order = session.get(Order, order_id)
        if order is None:
            raise _unknown(order_id)
        return OrderView.model_validate(order)

    @app.get("/sagas/{order_id}")
    def saga(order_id: str) -> dict[str, Any]:
        found = conductor.show(order_id)
        if found is None:
            raise _unknown(order_id)
        return found

    return app


def _unknown(order_id: str) -> Problem:
    return Problem(404, "unknown_order", f"There is no order {order_id}.")
