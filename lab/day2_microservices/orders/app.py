"""HTTP: orders and wallets. What creates something asks users; what is here is read without asking anybody."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Query, Response
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database, insert_missing
from lab.chassis.health import Health
from lab.chassis.ids import new_id
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings, SettingsError
from lab.chassis.web import create_app as web_app
from lab.day2_microservices.orders.directory import Bounded, Directory, RestDirectory
from lab.day2_microservices.orders.models import Base, Order, Wallet
from lab.day2_microservices.orders.payment import find, pay
from lab.day2_microservices.orders.views import Deposit, OrderRequest, OrderView, WalletView

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """Users are asked through the broker if there is an `amqp_url`, over gRPC if there is `users_grpc` (host:port),
    else at `users_url`."""

    database_url: str
    users_url: str = ""
    users_grpc: str = ""
    amqp_url: str = ""
    users_timeout_ms: int = 1000
    """Shorter than what the gateway waits for orders: who waits longer than his own caller works for nobody."""
    outbound_max: int = 10


def create_app(settings: Settings) -> FastAPI:
    """Raises SettingsError."""
    database = Database(settings.database_url)
    directory = _directory(settings)
    users = Bounded(directory.knows, settings.outbound_max)

    def stop() -> None:
        directory.close()
        database.close()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        yield
        await run_in_threadpool(stop)

    # Users are no part of it: without them orders can still do most of its work, and shall get its traffic.
    app = web_app("orders", Health(required={"database": database.check}), lifespan)

    @app.get("/wallets/{user_id}")
    def wallet(user_id: str) -> WalletView:
        with database.read() as session:
            found = session.get(Wallet, user_id)
        if found is None:  # nothing was ever paid in: by somebody who is there, or by nobody?
            users.need(user_id, 404)
        return WalletView(user_id=user_id, balance=found.balance if found else 0)

    @app.post("/wallets/{user_id}/deposit")
    def deposit(user_id: str, sum_: Deposit) -> WalletView:
        users.need(user_id, 404)
        with database.write() as session:
            insert_missing(session, Wallet, user_id=user_id, balance=0)
            found = session.get_one(Wallet, user_id)
            found.balance += sum_.amount
        fields = {"event": "deposit", "user": user_id, "amount": sum_.amount, "balance": found.balance}
        log.info("deposit", extra=fields)
        return WalletView(user_id=user_id, balance=found.balance)

    @app.post("/orders", status_code=201)
    def place(request: OrderRequest) -> OrderView:
        users.need(request.user_id, 422)
        order = Order(id=new_id(), user_id=request.user_id, amount=request.amount, status="created")
        with database.write() as session:
            session.add(order)
        _tell(order)
        return OrderView.model_validate(order)

    @app.get("/orders/{order_id}")
    def show(order_id: str) -> OrderView:
        with database.read() as session:
            return OrderView.model_validate(find(session, order_id))

    @app.get("/orders")
    def list_orders(
        user_id: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100, after: str = ""
    ) -> dict[str, list[OrderView]]:
        """In the order of ids; `after` is the last id of the page before."""
        page = select(Order).where(Order.id > after).order_by(Order.id).limit(limit)
        if user_id is not None:
            page = page.where(Order.user_id == user_id)
        with database.read() as session:
            return {"items": [OrderView.model_validate(order) for order in session.scalars(page)]}

    @app.post("/orders/{order_id}/pay")
    def pay_order(order_id: str) -> OrderView:
        paid, balance = pay(database, order_id)
        _tell(paid)
        fields = {"event": "payment", "user": paid.user_id, "amount": paid.amount, "balance": balance}
        log.info("payment", extra=fields)
        return OrderView.model_validate(paid)

    @app.post("/orders/{order_id}/cancel")
    def cancel(order_id: str) -> OrderView:
        with database.write() as session:
            order = find(session, order_id)
            if order.status != "created":
                raise Problem(409, "not_open", f"Order {order_id} is {order.status} already.")
            order.status = "cancelled"
        _tell(order)
        return OrderView.model_validate(order)

    @app.delete("/orders/{order_id}", status_code=204)
    def discard(order_id: str) -> Response:
        with database.write() as session:
            session.delete(find(session, order_id))
        return Response(status_code=204)

    return app


def _directory(settings: Settings) -> Directory:
    timeout = settings.users_timeout_ms / 1000
    if settings.amqp_url:
        from lab.day2_microservices.orders.asking import BrokerDirectory  # only who asks so has to load it

        return BrokerDirectory(settings.amqp_url, settings.service_name, timeout)
    if settings.users_grpc:
        from lab.day2_microservices.orders.rpc import RpcDirectory

        return RpcDirectory(settings.users_grpc, timeout)
    if not settings.users_url:
        raise SettingsError("USERS_URL is not set, and neither are USERS_GRPC and AMQP_URL")
    return RestDirectory(settings.users_url, timeout)


def _tell(order: Order) -> None:
    fields = {"event": "state", "entity": "order", "id": order.id, "state": order.status}
    log.info("order %s is %s", order.id, order.status, extra=fields)
