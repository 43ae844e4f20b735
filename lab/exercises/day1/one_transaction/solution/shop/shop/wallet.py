"""Money: a user's balance, and orders paid from it.

Who decides is always the database, in the statement that writes: "take 100 if there are 100", "paid if it was not".
Then it does not matter what anybody has read before, in this process or in another one. And what belongs together is in
one transaction, so that a process that dies in the middle has done nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session

from lab.chassis.database import Database, rows_of
from lab.chassis.problems import Problem
from shop import users
from shop.models import Order, User
from shop.orders import MOST, OrderView


class Deposit(BaseModel):
    model_config = ConfigDict(strict=True)

    amount: Annotated[int, Field(gt=0, le=MOST)]


class Wallet(BaseModel):
    balance: int


def router(database: Database) -> APIRouter:
    routes = APIRouter(tags=["wallet"])

    @routes.post("/users/{user_id}/deposit")
    def deposit(user_id: str, deposit: Deposit) -> Wallet:
        with _writing(database) as session:
            session.execute(update(User).where(User.id == user_id).values(balance=User.balance + deposit.amount))
            return Wallet(balance=users.find(session, user_id).balance)

    @routes.get("/users/{user_id}/balance")
    def show(user_id: str) -> Wallet:
        with database.read() as session:
            return Wallet(balance=users.find(session, user_id).balance)

    @routes.post("/orders/{order_id}/pay")
    def pay(order_id: str) -> OrderView:
        with _writing(database) as session:
            marked = update(Order).where(Order.id == order_id, Order.status == "created").values(status="paid")
            fresh = rows_of(session, marked)
            order = _find(session, order_id)
            if not fresh:
                code = "already_paid" if order.status == "paid" else "order_cancelled"
                raise Problem(409, code, f"Order {order_id} is {order.status}.")
            enough = (User.id == order.user_id) & (User.balance >= order.total)
            if not rows_of(session, update(User).where(enough).values(balance=User.balance - order.total)):
                raise Problem(409, "insufficient_funds", f"User {order.user_id} has less than {order.total} UZS.")
        return OrderView.model_validate(order)

    return routes


@contextmanager
def _writing(database: Database) -> Iterator[Session]:
    """A transaction that writes. Others who write come first for a while: that is nobody's mistake, and passes."""
    try:
        with database.write() as session:
            yield session
    except (OperationalError, NoConnection):
        raise Problem(503, "busy", "Too many write at this moment.", headers={"Retry-After": "1"}) from None


def _find(session: Session, order_id: str) -> Order:
    order = session.scalar(select(Order).where(Order.id == order_id))
    if order is None:
        raise Problem(404, "unknown_order", f"There is no order {order_id}.")
    return order
