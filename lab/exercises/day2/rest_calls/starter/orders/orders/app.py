"""HTTP: place an order, look at orders. So far it asks its neighbour and hopes for the best."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import httpx
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from orders.models import Base, Order


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    users_url: str
    http_timeout_ms: int = 500


class Item(BaseModel):
    model_config = ConfigDict(strict=True)

    sku: Annotated[str, Field(min_length=1, max_length=64)]
    qty: Annotated[int, Field(gt=0, le=1_000_000)]
    price: Annotated[int, Field(ge=0, le=1_000_000_000)]


class NewOrder(BaseModel):
    user_id: Annotated[str, Field(min_length=1, max_length=64)]
    items: Annotated[list[Item], Field(min_length=1, max_length=100)]


class OrderView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    user_id: str
    items: list[Item]
    total: int
    status: str
    created_at: str


class OrderList(BaseModel):
    items: list[OrderView]


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        yield
        database.close()

    app = create_web_app("orders", Health(required={"database": database.check}), lifespan)

    @app.post("/orders", status_code=201)
    def place(new: NewOrder) -> OrderView:
        # TODO: the neighbour may also answer 500, answer nonsense, answer never, or not be there. What then?
        # TODO: the request's id goes with the question: headers=lab.chassis.ids.outgoing_headers()
        answer = httpx.get(f"{settings.users_url}/users/{new.user_id}", timeout=None)
        if answer.status_code == 404:
            raise Problem(422, "unknown_user", f"There is no user {new.user_id}.")
        answer.raise_for_status()
        return _store(database, new)

    @app.get("/orders/{order_id}")
    def show(order_id: str) -> OrderView:
        with database.read() as session:
            order = session.scalar(select(Order).where(Order.id == order_id))
        if order is None:
            raise Problem(404, "unknown_order", f"There is no order {order_id}.")
        return OrderView.model_validate(order)

    @app.get("/orders")
    def listing(user_id: str) -> OrderList:
        with database.read() as session:
            found = session.scalars(select(Order).where(Order.user_id == user_id).order_by(Order.position))
            return OrderList(items=[OrderView.model_validate(order) for order in found])

    return app


def _store(database: Database, new: NewOrder) -> OrderView:
    order = Order(
        user_id=new.user_id,
        items=[item.model_dump() for item in new.items],
        total=sum(item.qty * item.price for item in new.items),
    )
    with database.write() as session:
        session.add(order)
    return OrderView.model_validate(order)
