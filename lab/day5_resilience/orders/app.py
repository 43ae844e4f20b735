"""HTTP: place an order, look at one, list those of a user."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import FastAPI, Header
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.ids import new_id
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as web_app
from lab.day5_resilience.calls.neighbour import TOLD, Neighbour, Unavailable
from lab.day5_resilience.calls.protections import Protections
from lab.day5_resilience.orders import keys
from lab.day5_resilience.orders.models import Base, Order

log = logging.getLogger(__name__)

SHOWN = 5
"""Orders of a user's list."""


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    users_url: str
    without: str = ""
    retry_base_ms: int = 50
    """The step of pauses between attempts, which doubles."""


class OrderRequest(BaseModel):
    user_id: str
    amount: Annotated[int, Field(gt=0, le=1_000_000_000, description="UZS")]


class OrderView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    user_id: str
    amount: int
    status: str


class OrdersOf(BaseModel):
    user: dict[str, Any]
    items: list[OrderView]


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    on = Protections.without(settings.without)
    users = Neighbour("users", settings.users_url, on, attempts=4, base=settings.retry_base_ms / 1000)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        yield
        await run_in_threadpool(users.close)
        await run_in_threadpool(database.close)

    app = web_app("orders", Health(required={"database": database.check}), lifespan)

    @app.post("/orders", status_code=201)
    def place(request: OrderRequest, idempotency_key: Annotated[str, Header(max_length=200)] = "") -> OrderView:
        """One order for each key, however often it is asked for; without a key, one for each request."""
        key = idempotency_key if on.idempotency else ""
        order = Order(id=new_id(), user_id=request.user_id, amount=request.amount, status="created")
        with database.read() as session:
            placed = keys.placed(session, key, request)
        if placed is None:
            _user(users, request.user_id)
            with database.write() as session:
                placed = keys.place(session, key, request, order)
        if placed is order:
            line = {"event": "state", "entity": "order", "id": order.id, "state": "created"}
            log.info("order %s is created", order.id, extra=line)
        else:
            log.info("order %s was there before", placed.id, extra={"event": "repeated", "id": placed.id})
        return OrderView.model_validate(placed)

    @app.get("/orders/{order_id}")
    def show(order_id: str) -> OrderView:
        with database.read() as session:
            order = session.get(Order, order_id)
        if order is None:
            raise Problem(404, "unknown_order", f"There is no order {order_id}.")
        return OrderView.model_validate(order)

    @app.get("/orders")
    def list_orders(user_id: str) -> OrdersOf:
        user = _user(users, user_id)
        with database.read() as session:
            found = session.scalars(select(Order).where(Order.user_id == user_id).limit(SHOWN))
            return OrdersOf(user=user, items=[OrderView.model_validate(order) for order in found])

    return app


def _user(users: Neighbour, user_id: str) -> dict[str, Any]:
    """The user, who is critical: no order is better than one of somebody who does not exist. No transaction is open
    while we ask."""
    try:
        answer = users.get(f"/users/{user_id}")
    except Unavailable as reason:
        raise Problem(503, "users_unavailable", str(reason), headers={"Retry-After": "1", **TOLD}) from None
    if answer.status_code == 404:
        raise Problem(422, "unknown_user", f"There is no user {user_id}.")
    user: dict[str, Any] = answer.json()
    return user
