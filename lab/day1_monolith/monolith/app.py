"""HTTP: users, orders, payments and the report, in one place and on one database."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Query, Response
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database, rows_of
from lab.chassis.health import Health
from lab.chassis.ids import new_id
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as web_app
from lab.day1_monolith.forecast import forecast
from lab.day1_monolith.monolith.mailer import Mailer
from lab.day1_monolith.monolith.models import Base, Order, Status, User
from lab.day1_monolith.views import (
    Deposit,
    OrderRequest,
    OrderView,
    Registration,
    Renaming,
    Report,
    UserView,
    WalletView,
)

log = logging.getLogger(__name__)

Limit = Annotated[int, Query(ge=1, le=1000)]


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    notify_url: str
    report_rounds: int = 15_000
    naive: int = 0
    """1: payments read the balance, and write it back in a second transaction."""


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    mailer = Mailer(settings.notify_url)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        yield
        await run_in_threadpool(mailer.close)
        await run_in_threadpool(database.close)

    app = web_app("shop", Health(required={"database": database.check}), lifespan)

    @app.post("/users", status_code=201)
    def register(registration: Registration) -> UserView:
        user = User(id=new_id(), email=registration.email, name=registration.name, balance=0)
        try:
            with database.write() as session:
                session.add(user)
        except IntegrityError:
            raise Problem(409, "email_taken", f"{registration.email} is registered already.") from None
        log.info("user %s is active", user.id, extra=_state("user", user.id, "active"))
        mailer.welcome(user.id)
        return UserView.model_validate(user)

    @app.get("/users/{user_id}")
    def show_user(user_id: str) -> UserView:
        with database.read() as session:
            return UserView.model_validate(_user(session, user_id))

    @app.get("/users")
    def list_users(limit: Limit = 100, after: str = "") -> dict[str, list[UserView]]:
        """In the order of ids; `after` is the last id of the page before."""
        page = select(User).where(User.id > after).order_by(User.id).limit(limit)
        with database.read() as session:
            return {"items": [UserView.model_validate(user) for user in session.scalars(page)]}

    @app.patch("/users/{user_id}")
    def rename(user_id: str, renaming: Renaming) -> UserView:
        with database.write() as session:
            user = _user(session, user_id)
            user.name = renaming.name
        return UserView.model_validate(user)

    @app.delete("/users/{user_id}", status_code=204)
    def remove(user_id: str) -> Response:
        try:
            with database.write() as session:
                session.delete(_user(session, user_id))
        except IntegrityError:  # the foreign key of an order
            raise Problem(409, "user_has_orders", f"User {user_id} has orders.") from None
        return Response(status_code=204)

    @app.get("/wallets/{user_id}")
    def wallet(user_id: str) -> WalletView:
        with database.read() as session:
            return WalletView(user_id=user_id, balance=_user(session, user_id).balance)

    @app.post("/wallets/{user_id}/deposit")
    def deposit(user_id: str, sum_: Deposit) -> WalletView:
        with database.write() as session:
            user = _user(session, user_id)
            user.balance += sum_.amount
        log.info("deposit", extra={"event": "deposit", "user": user_id, "amount": sum_.amount, "balance": user.balance})
        return WalletView(user_id=user_id, balance=user.balance)

    @app.post("/orders", status_code=201)
    def place(request: OrderRequest) -> OrderView:
        order = Order(id=new_id(), user_id=request.user_id, amount=request.amount, status="created")
        try:
            with database.write() as session:
                session.add(order)
        except IntegrityError:
            raise Problem(422, "unknown_user", f"There is no user {request.user_id} that may order.") from None
        log.info("order %s is created", order.id, extra=_state("order", order.id, "created"))
        return OrderView.model_validate(order)

    @app.get("/orders/{order_id}")
    def show_order(order_id: str) -> OrderView:
        with database.read() as session:
            return OrderView.model_validate(_order(session, order_id))

    @app.get("/orders")
    def list_orders(user_id: str | None = None, limit: Limit = 100, after: str = "") -> dict[str, list[OrderView]]:
        """In the order of ids; `after` is the last id of the page before."""
        page = select(Order).where(Order.id > after).order_by(Order.id).limit(limit)
        if user_id is not None:
            page = page.where(Order.user_id == user_id)
        with database.read() as session:
            return {"items": [OrderView.model_validate(order) for order in session.scalars(page)]}

    @app.post("/orders/{order_id}/pay")
    def pay(order_id: str) -> OrderView:
        paid, balance = (_pay_naively if settings.naive else _pay)(database, order_id)
        log.info("order %s is paid", paid.id, extra=_state("order", paid.id, "paid"))
        fields = {"event": "payment", "user": paid.user_id, "amount": paid.amount, "balance": balance}
        log.info("payment", extra=fields)
        return OrderView.model_validate(paid)

    @app.post("/orders/{order_id}/cancel")
    def cancel(order_id: str) -> OrderView:
        with database.write() as session:
            order = _order(session, order_id)
            if order.status != "created":
                raise Problem(409, "not_open", f"Order {order_id} is {order.status} already.")
            order.status = "cancelled"
        log.info("order %s is cancelled", order_id, extra=_state("order", order_id, "cancelled"))
        return OrderView.model_validate(order)

    @app.delete("/orders/{order_id}", status_code=204)
    def discard(order_id: str) -> Response:
        with database.write() as session:
            session.delete(_order(session, order_id))
        return Response(status_code=204)

    @app.get("/report")
    def report() -> Report:
        with database.read() as session:
            amounts = list(session.scalars(select(Order.amount).where(Order.status != "cancelled")))
        low, high = forecast(amounts, settings.report_rounds)
        return Report(orders=len(amounts), revenue=sum(amounts), low=low, high=high)

    return app


def _pay(database: Database, order_id: str) -> tuple[Order, int]:
    """Debit and status in one transaction, each by a statement that carries its own condition. Whatever happens at the
    same moment, in this process or another: nobody pays twice, and nobody below zero."""
    with database.write() as session:
        order = _order(session, order_id)
        _open(order)
        enough = (User.id == order.user_id) & (User.balance >= order.amount)
        if not rows_of(session, update(User).where(enough).values(balance=User.balance - order.amount)):
            raise Problem(409, "insufficient_funds", f"The wallet of user {order.user_id} holds too little.")
        order.status = "paid"
        session.refresh(order.user)
        return order, order.user.balance


def _pay_naively(database: Database, order_id: str) -> tuple[Order, int]:
    """What the first version of many shops does: read, decide, write. Two that read before either writes both decide
    on the same balance, and one of the two debits is lost."""
    with database.read() as session:
        order = _order(session, order_id)
        _open(order)
        balance = order.user.balance
    if balance < order.amount:
        raise Problem(409, "insufficient_funds", f"The wallet of user {order.user_id} holds too little.")
    with database.write() as session:
        session.execute(update(User).where(User.id == order.user_id).values(balance=balance - order.amount))
        session.execute(update(Order).where(Order.id == order_id).values(status="paid"))
    order.status = "paid"
    return order, balance - order.amount


def _open(order: Order) -> None:
    if order.status == "paid":
        raise Problem(409, "already_paid", f"Order {order.id} is paid already.")
    if order.status != "created":
        raise Problem(409, "not_open", f"Order {order.id} is {order.status}.")


def _user(session: Session, user_id: str) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise Problem(404, "unknown_user", f"There is no user {user_id}.")
    return user


def _order(session: Session, order_id: str) -> Order:
    order = session.get(Order, order_id)
    if order is None:
        raise Problem(404, "unknown_order", f"There is no order {order_id}.")
    return order


def _state(entity: str, ident: str, state: Status | str) -> dict[str, str]:
    return {"event": "state", "entity": entity, "id": ident, "state": state}
