"""HTTP: place an order, look at it. Who may place one, and what becomes of it, this service hears in events."""

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
from orders import outbox, saga
from orders.consuming import Consumer
from orders.handler import Payments, Users
from orders.models import Base, KnownUser, Order


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    amqp_url: str
    prefetch: int = 10
    retry_delay_ms: int = 500


class OrderRequest(BaseModel):
    user_id: Annotated[str, Field(min_length=1, max_length=64)]
    ref: Annotated[str, Field(min_length=1, max_length=64)]
    amount: Annotated[int, Field(gt=0)]


class OrderView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    user_id: str
    ref: str
    amount: int
    status: str
    reason: str


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    relay = outbox.Relay(database, settings.amqp_url, settings.service_name)
    users = Consumer(
        settings.amqp_url,
        settings.service_name,
        "orders.user-registered",
        ["user.registered"],
        Users(database).handle,
        prefetch=settings.prefetch,
        retry_delay_ms=settings.retry_delay_ms,
    )
    payments = Consumer(
        settings.amqp_url,
        settings.service_name,
        "orders.payment-result",
        ["payment.approved", "payment.declined"],
        Payments(database).handle,
        prefetch=settings.prefetch,
        retry_delay_ms=settings.retry_delay_ms,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata, outbox.metadata)
        for one in (relay, users, payments):
            one.start()
        yield
        for one in (users, payments, relay):
            await run_in_threadpool(one.stop)
        database.close()

    checks = {"publisher": relay.check, "users": users.check, "payments": payments.check}
    app = create_web_app("orders", Health(required={"database": database.check}, optional=checks), lifespan)

    @app.post("/orders", status_code=201)
    def place(request: OrderRequest) -> OrderView:
        order = Order(id=new_id(), status="pending", reason="", **request.model_dump())
        try:
            with database.write() as session:
                if session.get(KnownUser, order.user_id) is None:
                    raise Problem(422, "unknown_user", f"No user {order.user_id} is known here (yet).")
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
