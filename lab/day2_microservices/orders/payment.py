"""Paying an order from its user's wallet."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from lab.chassis.database import Database, rows_of
from lab.chassis.problems import Problem
from lab.day2_microservices.orders.models import Order, Wallet


def pay(database: Database, order_id: str) -> tuple[Order, int]:
    """Debit and status in one transaction, each by a statement that carries its own condition. Whatever happens at the
    same moment, in this process or another: nobody pays twice, and nobody below zero. Returns the balance, too."""
    with database.write() as session:
        order = _open(session, order_id)
        enough = (Wallet.user_id == order.user_id) & (Wallet.balance >= order.amount)
        if not rows_of(session, update(Wallet).where(enough).values(balance=Wallet.balance - order.amount)):
            raise _too_little(order)
        order.status = "paid"
        wallet = session.get_one(Wallet, order.user_id)
        return order, wallet.balance


def find(session: Session, order_id: str) -> Order:
    order = session.get(Order, order_id)
    if order is None:
        raise Problem(404, "unknown_order", f"There is no order {order_id}.")
    return order


def _open(session: Session, order_id: str) -> Order:
    order = find(session, order_id)
    if order.status == "paid":
        raise Problem(409, "already_paid", f"Order {order_id} is paid already.")
    if order.status != "created":
        raise Problem(409, "not_open", f"Order {order_id} is {order.status}.")
    return order


def _too_little(order: Order) -> Problem:
    return Problem(409, "insufficient_funds", f"The wallet of user {order.user_id} holds too little.")
