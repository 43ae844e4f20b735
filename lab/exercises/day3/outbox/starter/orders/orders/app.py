"""HTTP: place an order, look at it, cancel it. Each is saved, then announced."""

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
from orders.events import Event, happened
from orders.messaging import Publisher
from orders.models import Base, Order


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    amqp_url: str


class OrderRequest(BaseModel):
    ref: Annotated[str, Field(min_length=1, max_length=64)]
    amount: Annotated[int, Field(gt=0)]


class OrderView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    ref: str
    amount: int
    status: str


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)

    def announce(event: Event) -> None:
        with Publisher(settings.amqp_url, settings.service_name) as publisher:
            publisher.publish(event)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        yield
        database.close()

    health = Health(required={"database": database.check})
    app = create_web_app("orders", health, lifespan)

    @app.post("/orders", status_code=201)
    def place(request: OrderRequest) -> OrderView:
        order = Order(id=new_id(), ref=request.ref, amount=request.amount, status="pending")
        fact = {"order_id": order.id, "ref": order.ref, "amount": order.amount}
        try:
            with database.write() as session:
                session.add(order)
        except IntegrityError:
            raise Problem(409, "duplicate_ref", f"There is an order with ref {request.ref} already.") from None
        # TODO: what if there is no broker now, or we are killed before this line?
        announce(happened("order.created", fact))
        return OrderView.model_validate(order)

    @app.post("/orders/{order_id}/cancel")
    def cancel(order_id: str) -> OrderView:
        with database.write() as session:
            order = session.get(Order, order_id, with_for_update=True)
            if order is None:
                raise _unknown(order_id)
            if order.status == "cancelled":
                raise Problem(409, "already_cancelled", f"Order {order_id} is cancelled already.")
            order.status = "cancelled"
        announce(happened("order.cancelled", {"order_id": order.id}))
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
