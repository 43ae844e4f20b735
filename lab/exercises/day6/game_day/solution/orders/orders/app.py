"""HTTP: place an order, look at it, cancel it. The catalog knows the price; what becomes of it is decided by events."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.ids import new_id
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from orders import outbox, saga
from orders.catalog import Catalog, Unavailable
from orders.consuming import Consumer
from orders.handler import Payments
from orders.models import Base, Order

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    amqp_url: str
    catalog_url: str
    http_timeout_ms: int = 1000
    prefetch: int = 10


class OrderRequest(BaseModel):
    ref: Annotated[str, Field(min_length=1, max_length=64)]
    product_id: Annotated[str, Field(min_length=1, max_length=64)]


class OrderView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    ref: str
    product_id: str
    amount: int
    status: str
    reason: str


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    catalog = Catalog(settings.catalog_url, settings.http_timeout_ms / 1000)
    relay = outbox.Relay(database, settings.amqp_url, settings.service_name)
    consumer = Consumer(
        settings.amqp_url,
        settings.service_name,
        "orders.payment-result",
        ["payment.approved", "payment.declined"],
        Payments(database).handle,
        prefetch=settings.prefetch,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata, outbox.metadata)
        relay.start()
        consumer.start()
        yield
        await run_in_threadpool(consumer.stop)
        await run_in_threadpool(relay.stop)
        catalog.close()
        database.close()

    checks = {"publisher": relay.check, "consumer": consumer.check}
    app = create_web_app("orders", Health(required={"database": database.check}, optional=checks), lifespan)

    @app.post("/orders", status_code=201)
    def place(request: OrderRequest) -> OrderView:
        try:
            price = catalog.price(request.product_id)  # before the transaction: nobody waits for us with a lock
        except Unavailable as error:
            log.warning("the catalog is unavailable: %s", error, extra={"dependency": "catalog"})
            raise Problem(
                503, "catalog_unavailable", "Nobody knows the price just now.", headers={"Retry-After": "1"}
            ) from None
        if price is None:
            raise Problem(422, "unknown_product", f"There is no product {request.product_id}.")
        order = Order(
            id=new_id(), ref=request.ref, product_id=request.product_id, amount=price, status="pending", reason=""
        )
        try:
            with database.write() as session:
                saga.place(session, order)
        except IntegrityError:
            raise Problem(409, "duplicate_ref", f"There is an order with ref {request.ref} already.") from None
        return OrderView.model_validate(order)

    @app.post("/orders/{order_id}/cancel")
    def cancel(order_id: str) -> OrderView:
        """Only while it is pending: a confirmed order is a purchase, and would need a return."""
        with database.write() as session:
            order = session.get(Order, order_id, with_for_update=True)
            if order is None:
                raise _unknown(order_id)
            if not saga.settle(session, order, "cancelled", "cancelled_by_customer"):
                raise Problem(409, f"already_{order.status}", f"Order {order_id} is {order.status} already.")
        return OrderView.model_validate(order)

    @app.get("/orders/{order_id}")
    def show(order_id: str) -> OrderView:
        with database.read() as session:
            order = session.get(Order, order_id)
        if order is None:
            raise _unknown(order_id)
        return OrderView.model_validate(order)

    return app


def _unknown(order_id: str) -> Problem:
    return Problem(404, "unknown_order", f"There is no order {order_id}.")
