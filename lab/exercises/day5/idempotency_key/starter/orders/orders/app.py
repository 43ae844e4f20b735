"""HTTP: place an order, write a note on it, look at one's orders. Whoever sends a POST twice gets two orders so far."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Header
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.ids import new_id
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from orders.models import Base, Order
from orders.provider import Provider, ProviderUnavailable


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    payment_url: str
    http_timeout_ms: int = 1000
    idempotency_ttl_s: float = 86_400
    idempotency_lease_s: float = 5


class NewOrder(BaseModel):
    model_config = ConfigDict(strict=True)

    sku: Annotated[str, Field(min_length=1, max_length=64)]
    amount: Annotated[int, Field(gt=0, le=1_000_000_000)]


class Note(BaseModel):
    note: Annotated[str, Field(max_length=200)]


class OrderView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    user_id: str
    sku: str
    amount: int
    status: str
    charge_id: str
    note: str


class OrderList(BaseModel):
    items: list[OrderView]


def caller(x_user_id: Annotated[str, Header()] = "") -> str:
    """Whose request it is. The gateway before us has checked it."""
    if not x_user_id:
        raise Problem(401, "unauthenticated", "X-User-ID says who asks.")
    return x_user_id


Caller = Annotated[str, Depends(caller)]


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    provider = Provider(settings.payment_url, settings.http_timeout_ms / 1000)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        yield
        provider.close()
        database.close()

    app = create_web_app("orders", Health(required={"database": database.check}), lifespan)

    @app.post("/orders", status_code=201)
    def place(new: NewOrder, user: Caller, idempotency_key: Annotated[str, Header()] = "") -> OrderView:
        # TODO: a client that got no answer sends this again, under the same Idempotency-Key.
        order = Order(id=new_id(), user_id=user, sku=new.sku, amount=new.amount, status="paid", note="")
        try:
            decision = provider.charge(order.id, new.amount)
        except ProviderUnavailable:
            raise Problem(503, "payment_unavailable", "The payment provider does not answer.") from None
        if decision.status == "declined":
            raise Problem(402, "payment_declined", "The payment was declined.")
        order.charge_id = decision.charge_id
        with database.write() as session:
            session.add(order)
        return OrderView.model_validate(order)

    @app.put("/orders/{order_id}/note")
    def write_note(order_id: str, new: Note, user: Caller) -> OrderView:
        with database.write() as session:
            order = session.get(Order, order_id, with_for_update=True)
            if order is None or order.user_id != user:
                raise Problem(404, "unknown_order", f"There is no order {order_id}.")
            order.note = new.note
        return OrderView.model_validate(order)

    @app.get("/orders")
    def listing(user: Caller) -> OrderList:
        with database.read() as session:
            found = session.scalars(select(Order).where(Order.user_id == user))
            return OrderList(items=[OrderView.model_validate(order) for order in found])

    return app
