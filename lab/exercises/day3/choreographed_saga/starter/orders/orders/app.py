"""HTTP: place an order, look at it, cancel it. What becomes of it is decided by events."""

from __future__ import annotations

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
from orders import outbox
from orders.consuming import Consumer
from orders.events import happened
from orders.handler import Payments
from orders.models import Base, Order


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    amqp_url: str
    prefetch: int = 10


class OrderRequest(BaseModel):
    ref: Annotated[str, Field(min_length=1, max_length=64)]
    amount: Annotated[int, Field(gt=0)]


class OrderView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    ref: str
    amount: int
    status: str
    reason: str


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
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
        database.close()

    checks = {"publisher": relay.check, "consumer": consumer.check}
    app = create_web_app("orders", Health(required={"database": database.check}, optional=checks), lifespan)

    @app.post("/orders", status_code=201)
    def place(request: OrderRequest) -> OrderView:
        order = Order(id=new_id(), ref=request.ref, amount=request.amount, status="pending", reason="")
        fact = {"order_id": order.id, "ref": order.ref, "amount": order.amount}
        try:
            with database.write() as session:
                session.add(order)
                outbox.announce(session, happened("order.created", "/orders", fact))
        except IntegrityError:
            raise Problem(409, "duplicate_ref", f"There is an order with ref {request.ref} already.") from None
        return OrderView.model_validate(order)

    @app.post("/orders/{order_id}/cancel")
    def cancel(order_id: str) -> OrderView:
        # TODO: only a pending order can be cancelled. And who gives the money back?
        with database.write() as session:
            order = session.get(Order, order_id, with_for_update=True)
            if order is None:
                raise _unknown(order_id)
            if order.status == "cancelled":
                raise Problem(409, "already_cancelled", f"Order {order_id} is cancelled already.")
            order.status = "cancelled"
            outbox.announce(session, happened("order.cancelled", "/orders", {"order_id": order.id}))
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
