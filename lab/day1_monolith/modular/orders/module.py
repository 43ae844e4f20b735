"""Orders' routes and rules."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy import exists, select

from lab.chassis.database import Database, insert_missing
from lab.chassis.ids import new_id
from lab.chassis.problems import Problem
from lab.day1_monolith.modular.orders.payment import find, pay, pay_naively
from lab.day1_monolith.modular.orders.tables import Base, Order, Wallet
from lab.day1_monolith.modular.users import Directory
from lab.day1_monolith.views import Deposit, OrderRequest, OrderView, WalletView

log = logging.getLogger(__name__)


class Orders:
    """Asks `users` who there is, through their face: in this process or elsewhere."""

    tables = Base.metadata

    def __init__(self, database: Database, users: Directory, *, naive: bool = False) -> None:
        self._database = database
        self._users = users
        self._pay = pay_naively if naive else pay

    def has_orders_of(self, user_id: str) -> bool:
        with self._database.read() as session:
            return bool(session.scalar(select(exists().where(Order.user_id == user_id))))

    def amounts(self) -> list[int]:
        """Of all orders that were not cancelled, for whoever makes statistics of them."""
        with self._database.read() as session:
            return list(session.scalars(select(Order.amount).where(Order.status != "cancelled")))

    def router(self) -> APIRouter:
        api = APIRouter()

        @api.get("/wallets/{user_id}")
        def wallet(user_id: str) -> WalletView:
            self._need(user_id, 404)
            with self._database.read() as session:
                found = session.get(Wallet, user_id)
            return WalletView(user_id=user_id, balance=found.balance if found else 0)

        @api.post("/wallets/{user_id}/deposit")
        def deposit(user_id: str, sum_: Deposit) -> WalletView:
            self._need(user_id, 404)
            with self._database.write() as session:
                insert_missing(session, Wallet, user_id=user_id, balance=0)
                found = session.get_one(Wallet, user_id)
                found.balance += sum_.amount
            fields = {"event": "deposit", "user": user_id, "amount": sum_.amount, "balance": found.balance}
            log.info("deposit", extra=fields)
            return WalletView(user_id=user_id, balance=found.balance)

        @api.post("/orders", status_code=201)
        def place(request: OrderRequest) -> OrderView:
            self._need(request.user_id, 422)
            order = Order(id=new_id(), user_id=request.user_id, amount=request.amount, status="created")
            with self._database.write() as session:
                session.add(order)
            _tell(order)
            return OrderView.model_validate(order)

        @api.get("/orders/{order_id}")
        def show(order_id: str) -> OrderView:
            with self._database.read() as session:
                return OrderView.model_validate(find(session, order_id))

        @api.get("/orders")
        def list_orders(
            user_id: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100, after: str = ""
        ) -> dict[str, list[OrderView]]:
            """In the order of ids; `after` is the last id of the page before."""
            page = select(Order).where(Order.id > after).order_by(Order.id).limit(limit)
            if user_id is not None:
                page = page.where(Order.user_id == user_id)
            with self._database.read() as session:
                return {"items": [OrderView.model_validate(order) for order in session.scalars(page)]}

        @api.post("/orders/{order_id}/pay")
        def pay_order(order_id: str) -> OrderView:
            paid, balance = self._pay(self._database, order_id)
            _tell(paid)
            fields = {"event": "payment", "user": paid.user_id, "amount": paid.amount, "balance": balance}
            log.info("payment", extra=fields)
            return OrderView.model_validate(paid)

        @api.post("/orders/{order_id}/cancel")
        def cancel(order_id: str) -> OrderView:
            with self._database.write() as session:
                order = find(session, order_id)
                if order.status != "created":
                    raise Problem(409, "not_open", f"Order {order_id} is {order.status} already.")
                order.status = "cancelled"
            _tell(order)
            return OrderView.model_validate(order)

        @api.delete("/orders/{order_id}", status_code=204)
        def discard(order_id: str) -> Response:
            with self._database.write() as session:
                session.delete(find(session, order_id))
            return Response(status_code=204)

        return api

    def _need(self, user_id: str, status: int) -> None:
        if not self._users.knows(user_id):
            raise Problem(status, "unknown_user", f"There is no user {user_id}.")


def _tell(order: Order) -> None:
    fields = {"event": "state", "entity": "order", "id": order.id, "state": order.status}
    log.info("order %s is %s", order.id, order.status, extra=fields)
