"""Orders: /orders."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from lab.chassis.database import Database
from lab.chassis.problems import Problem
from shop import pages
from shop.mail import Mail
from shop.models import Order, User

MOST = 1_000_000_000
"""The largest price and number of pieces: what is larger is a mistake, and must not meet the database's own limit."""


class Item(BaseModel):
    """`price` is in UZS, for one piece. Numbers are numbers here: "3" is not taken for 3."""

    model_config = ConfigDict(strict=True)

    sku: Annotated[str, Field(min_length=1, max_length=64)]
    qty: Annotated[int, Field(gt=0, le=MOST)]
    price: Annotated[int, Field(ge=0, le=MOST)]


class NewOrder(BaseModel):
    """There is no `total` in it: what the client thinks it is does not matter."""

    user_id: Annotated[str, Field(min_length=1, max_length=64)]
    items: Annotated[list[Item], Field(min_length=1, max_length=1000)]


class OrderChange(BaseModel):
    status: Literal["cancelled"]


class OrderView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    user_id: str
    items: list[Item]
    total: int
    status: str
    created_at: str


def router(database: Database, mail: Mail) -> APIRouter:
    routes = APIRouter(prefix="/orders", tags=["orders"])

    @routes.post("", status_code=201)
    def place(new: NewOrder) -> OrderView:
        order = Order(
            user_id=new.user_id,
            items=[item.model_dump() for item in new.items],
            total=sum(item.qty * item.price for item in new.items),
        )
        if order.total > MOST:
            raise Problem(422, "too_large", f"An order may cost {MOST} UZS at most.")
        with database.write() as session:
            if session.scalar(select(User.id).where(User.id == new.user_id)) is None:
                raise Problem(422, "unknown_user", f"There is no user {new.user_id}.")
            session.add(order)
        mail.order_created(order.user_id, order.id)
        return OrderView.model_validate(order)

    @routes.get("")
    def listing(
        user_id: str | None = None, limit: pages.Limit = 20, cursor: str | None = None
    ) -> pages.Page[OrderView]:
        rows = select(Order) if user_id is None else select(Order).where(Order.user_id == user_id)
        with database.read() as session:
            page, following = pages.cut(session, rows, Order.position, limit, cursor)
        return pages.Page(items=[OrderView.model_validate(order) for order in page], next_cursor=following)

    @routes.get("/{order_id}")
    def show(order_id: str) -> OrderView:
        with database.read() as session:
            return OrderView.model_validate(_find(session, order_id))

    @routes.patch("/{order_id}")
    def change(order_id: str, change: OrderChange) -> OrderView:
        with database.write() as session:
            order = _find(session, order_id)
            order.status = change.status
        return OrderView.model_validate(order)

    @routes.delete("/{order_id}", status_code=204)
    def remove(order_id: str) -> None:
        with database.write() as session:
            session.delete(_find(session, order_id))

    return routes


def _find(session: Session, order_id: str) -> Order:
    order = session.scalar(select(Order).where(Order.id == order_id))
    if order is None:
        raise Problem(404, "unknown_order", f"There is no order {order_id}.")
    return order
