"""HTTP: place an order, look at orders; and at their users with them, who are asked for over gRPC."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from orders import pages
from orders.models import Base, Order
from orders.users import InvalidUser, Unavailable, Users

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    users_grpc: str
    grpc_timeout_ms: int = 1000


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


def until(x_deadline_ms: Annotated[int | None, Header()] = None) -> float | None:
    """When the client stops waiting, on our own clock; None: it does not say."""
    return None if x_deadline_ms is None else time.monotonic() + x_deadline_ms / 1000


Until = Annotated[float | None, Depends(until)]


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    users = Users(settings.users_grpc, settings.grpc_timeout_ms / 1000)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        yield
        users.close()
        database.close()

    app = create_web_app("orders", Health(required={"database": database.check}), lifespan)

    @app.post("/orders", status_code=201)
    def place(new: NewOrder, until: Until) -> OrderView:
        try:
            known = users.know(new.user_id, until)
        except InvalidUser as error:
            raise Problem(400, "invalid_user", f"users cannot read the id {new.user_id!r}: {error}") from None
        except Unavailable as error:
            log.warning("users is unavailable: %s", error, extra={"dependency": "users"})
            raise _unavailable() from None
        if not known:
            raise Problem(422, "unknown_user", f"There is no user {new.user_id}.")
        return _store(database, new)

    @app.get("/orders")
    def listing(
        until: Until,
        user_id: str | None = None,
        limit: pages.Limit = 20,
        cursor: str | None = None,
        expand: Literal["user"] | None = None,
    ) -> JSONResponse:
        shown = _page(database, user_id, limit, cursor).model_dump()
        return JSONResponse(shown if expand is None else _with_users(shown, users, until))

    return app


def _page(database: Database, user_id: str | None, limit: int, cursor: str | None) -> pages.Page[OrderView]:
    rows = select(Order) if user_id is None else select(Order).where(Order.user_id == user_id)
    with database.read() as session:
        page, following = pages.cut(session, rows, Order.position, limit, cursor)
    return pages.Page(items=[OrderView.model_validate(order) for order in page], next_cursor=following)


def _with_users(page: dict[str, Any], users: Users, until: float | None) -> dict[str, Any]:
    """The page with the user of each order in it: one question for all of them. Without an answer the orders are shown
    without their users, and the page says so."""
    try:
        known = users.named({order["user_id"] for order in page["items"]}, until)
    except Unavailable as error:
        log.warning("users is unavailable: %s", error, extra={"dependency": "users"})
        known, page["degraded"] = {}, ["users"]
    for order in page["items"]:
        order["user"] = known.get(order["user_id"])
    return page


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
