"""HTTP: the monolith's API of orders. Reads are answered from the copy, writes go to the record first, and payments
are done by who hears of them.

Wallets are still in the monolith, and hold on to its table of orders. Until they have moved out, the record stays
there, which is also the way back: what is ordered here is known there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import FastAPI, Query, Response

from lab.chassis.database import Database
from lab.chassis.messaging import Messaging
from lab.chassis.problems import Problem
from lab.chassis.service import service_app
from lab.chassis.settings import MessagingSettings
from lab.day6_integration.calls.neighbour import Neighbour
from lab.day6_integration.moving.copies import Copies, nobody
from lab.day6_integration.moving.record import Record
from lab.day6_integration.moving.sweeper import sweeper
from lab.day6_integration.orders import customers
from lab.day6_integration.orders.directory import Directory, RestDirectory
from lab.day6_integration.orders.models import Base, Order
from lab.day6_integration.orders.payment import Payments, announce_request
from lab.day6_integration.orders.views import Checkout, OrderRequest, OrderView, fact

Limit = Annotated[int, Query(ge=1, le=1000)]


@dataclass(frozen=True, kw_only=True)
class Settings(MessagingSettings):
    legacy_url: str
    users_url: str = ""
    users_grpc: str = ""
    """Users are asked over gRPC (host:port) if it is set, else at `users_url`."""
    legacy_timeout_ms: int = 1500
    users_timeout_ms: int = 1000
    """Together with the one above shorter than what the gateway waits for orders."""
    pay_wait_ms: int = 1000
    sweep_ms: int = 1000


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    messaging = Messaging(settings, database)
    legacy = Neighbour("legacy", settings.legacy_url, timeout=settings.legacy_timeout_ms / 1000, attempts=2)
    users = _directory(settings)
    record = Record(legacy, "orders", OrderView)
    copies = Copies(database, messaging, record, Order, OrderView)
    payments = Payments(database, messaging, settings.pay_wait_ms / 1000)
    payments.subscribe()

    def close() -> None:
        legacy.close()
        users.close()

    sweeping = sweeper(copies.sweep, settings.sweep_ms / 1000)
    app = service_app("orders", database, Base.metadata, messaging, background=[sweeping], close=close)

    @app.post("/orders", status_code=201)
    def place(request: Checkout) -> OrderView:
        customers.need(users, request.user_id)
        order = record.create(OrderRequest(user_id=request.user_id, amount=request.amount))
        copies.keep(order, partial(announce_request, order=order, at_once=True) if request.pay else nobody)
        return order

    @app.get("/orders/{order_id}")
    def show(order_id: str) -> OrderView:
        return _find(order_id)

    @app.get("/orders")
    def list_orders(user_id: str | None = None, limit: Limit = 100, after: str = "") -> dict[str, list[OrderView]]:
        """In the order of ids; `after` is the last id of the page before."""
        whose = () if user_id is None else (Order.user_id == user_id,)
        return {"items": copies.page(after, limit, *whose)}

    @app.post("/orders/{order_id}/pay")
    def pay(order_id: str, response: Response) -> OrderView:
        order = _find(order_id)
        if order.status == "paid":
            raise Problem(409, "already_paid", f"Order {order_id} is paid already.")
        if order.status != "created":
            raise Problem(409, "not_open", f"Order {order_id} is {order.status}.")
        payments.request(order)
        order = payments.outcome(order)
        if order.status != "paid":
            response.status_code = 202  # it will be: look again
        return order

    @app.post("/orders/{order_id}/cancel")
    def cancel(order_id: str) -> OrderView:
        copies.doubt(order_id)
        order = record.act(order_id, "cancel")
        copies.keep(order, lambda transaction: transaction.announce("order.cancelled", fact(order), entity=order_id))
        return order

    @app.delete("/orders/{order_id}", status_code=204)
    def discard(order_id: str) -> Response:
        copies.doubt(order_id)
        record.remove(order_id)
        copies.drop(order_id)
        return Response(status_code=204)

    @app.put("/copies/{order_id}", status_code=204)
    def renew(order_id: str) -> Response:
        """The monolith has changed this order: have a look."""
        copies.renew(order_id)
        return Response(status_code=204)

    def _find(order_id: str) -> OrderView:
        order = copies.find(order_id)
        if order is None:
            raise Problem(404, "unknown_order", f"There is no order {order_id}.")
        return order

    return app


def _directory(settings: Settings) -> Directory:
    timeout = settings.users_timeout_ms / 1000
    if settings.users_grpc:
        from lab.day6_integration.orders.rpc import RpcDirectory  # only who asks so needs gRPC

        return RpcDirectory(settings.users_grpc, timeout)
    return RestDirectory(settings.users_url, timeout)
