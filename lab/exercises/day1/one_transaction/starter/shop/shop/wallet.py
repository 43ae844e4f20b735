"""Money: a user's balance, and orders paid from it. It adds up, as long as nobody else is there."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from lab.chassis.database import Database
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
        with database.read() as session:
            balance = users.find(session, user_id).balance
        with database.write() as session:
            session.execute(update(User).where(User.id == user_id).values(balance=balance + deposit.amount))
        return Wallet(balance=balance + deposit.amount)

    @routes.get("/users/{user_id}/balance")
    def show(user_id: str) -> Wallet:
        with database.read() as session:
            return Wallet(balance=users.find(session, user_id).balance)

    @routes.post("/orders/{order_id}/pay")
    def pay(order_id: str) -> OrderView:
        # TODO: read, decide, write. Who else may have read the same by then, in this process or in another one?
        with database.read() as session:
            order = _find(session, order_id)
            balance = users.find(session, order.user_id).balance
        if order.status == "paid":
            raise Problem(409, "already_paid", f"Order {order_id} is paid already.")
        if order.status != "created":
            raise Problem(409, "order_cancelled", f"Order {order_id} is {order.status}.")
        if balance < order.total:
            raise Problem(409, "insufficient_funds", f"User {order.user_id} has {balance} UZS.")
        # TODO: what if the process dies between these two?
        with database.write() as session:
            session.execute(update(User).where(User.id == order.user_id).values(balance=balance - order.total))
        with database.write() as session:
            session.execute(update(Order).where(Order.id == order_id).values(status="paid"))
        order.status = "paid"
        return OrderView.model_validate(order)

    return routes


def _find(session: Session, order_id: str) -> Order:
    order = session.scalar(select(Order).where(Order.id == order_id))
    if order is None:
        raise Problem(404, "unknown_order", f"There is no order {order_id}.")
    return order
