"""HTTP: place an order, look at orders. Its answers are right, but it waits in line behind its neighbour."""

from __future__ import annotations

import logging
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
from lab.chassis.ids import outgoing_headers
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.tls import AUTHORITIES
from lab.chassis.web import create_app as create_web_app
from orders.models import Base, Order

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    users_url: str
    http_timeout_ms: int = 500
    outbound_max: int = 10


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
    users = httpx.Client(base_url=settings.users_url, timeout=5.0, trust_env=False, verify=AUTHORITIES)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        yield
        await run_in_threadpool(users.close)
        database.close()

    app = create_web_app("orders", Health(required={"database": database.check}), lifespan)

    @app.post("/orders", status_code=201)
    def place(new: NewOrder) -> OrderView:
        if not know(new.user_id):
            raise Problem(422, "unknown_user", f"There is no user {new.user_id}.")
        return _store(database, new)

    def know(user_id: str) -> bool:
        """Whether there is this user, or a 503."""
        # TODO: while this waits, a thread waits, and forty threads are all there are. How long may one question take,
        # and how many may be under way (settings.outbound_max)?
        try:
            answer = users.get(f"/users/{user_id}", headers=outgoing_headers())
            known = answer.status_code == 200 and "id" in answer.json()
        except (httpx.HTTPError, ValueError) as error:
            # TODO: /readyz should tell of it: Health(..., optional={"users": ...}) makes it "degraded"
            log.warning("users is unavailable: %r", error, extra={"dependency": "users"})
            raise _unavailable() from None
        if not known and answer.status_code != 404:
            raise _unavailable()
        return known

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


def _unavailable() -> Problem:
    """Not the client's fault, and worth another try: Retry-After says when."""
    return Problem(503, "users_unavailable", "Nobody can be asked who that is just now.", headers={"Retry-After": "1"})
