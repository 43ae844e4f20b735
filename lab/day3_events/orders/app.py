"""HTTP: place an order, look at it, change one's mind."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from lab.chassis.database import Database
from lab.chassis.ids import correlation_id, new_id
from lab.chassis.messaging import Messaging
from lab.chassis.problems import Problem
from lab.chassis.service import service_app
from lab.chassis.settings import MessagingSettings
from lab.day3_events.orders import saga
from lab.day3_events.orders.handlers import Handlers
from lab.day3_events.orders.models import Base, Customer, Order, Status
from lab.day3_events.orders.reminder import reminder


@dataclass(frozen=True, kw_only=True)
class Settings(MessagingSettings):
    remind_after_s: float = 20.0
    """Seconds after which a pending order is asked about again for the first time."""
    saga: str = "choreography"
    """Or `orchestration`: whether facts decide about an order, or the orchestrator's commands do."""


class OrderRequest(BaseModel):
    """`ref` is the client's own name for the order: with it, sending a request twice does not order twice."""

    user_id: str
    amount: Annotated[int, Field(gt=0, le=1_000_000_000, description="UZS")]
    ref: Annotated[str | None, Field(max_length=64)] = None


class OrderView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    user_id: str
    amount: int
    status: Status
    reason: str


class CustomerView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    messaging = Messaging(settings, database)
    Handlers(messaging).subscribe(settings.saga)
    background = reminder(messaging, settings.remind_after_s)
    app = service_app("orders", database, Base.metadata, messaging, background=[background])

    @app.post("/orders", status_code=201)
    def place(request: OrderRequest) -> OrderView:
        order = Order(
            id=new_id(),
            ref=request.ref,
            user_id=request.user_id,
            amount=request.amount,
            status="pending",
            reason="",
            created=time.time(),
            correlation=correlation_id(),
            remind_at=time.time() + settings.remind_after_s,
            reminders=0,
        )
        try:
            with messaging.transaction() as transaction:
                if transaction.session.get(Customer, request.user_id) is None:
                    raise Problem(422, "unknown_user", f"There is no user {request.user_id} that may order.")
                saga.place(transaction, order)
        except IntegrityError:
            raise Problem(409, "duplicate_ref", f"There is an order with the ref {request.ref} already.") from None
        return OrderView.model_validate(order)

    @app.get("/orders/{order_id}")
    def show(order_id: str) -> OrderView:
        with database.read() as session:
            return OrderView.model_validate(_find(session, order_id))

    @app.get("/orders")
    def list_orders(
        status: Status | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100, after: str = ""
    ) -> dict[str, list[OrderView]]:
        """In the order of ids; `after` is the last id of the page before."""
        page = select(Order).where(Order.id > after).order_by(Order.id).limit(limit)
        if status:
            page = page.where(Order.status == status)
        with database.read() as session:
            return {"items": [OrderView.model_validate(order) for order in session.scalars(page)]}

    @app.post("/orders/{order_id}/cancel")
    def cancel(order_id: str) -> OrderView:
        """Only while it is pending: what is confirmed is a purchase, and would need a return."""
        with messaging.transaction() as transaction:
            order = _find(transaction.session, order_id, lock=True)
            if not saga.settle(transaction, order, "cancelled", "cancelled_by_customer"):
                raise Problem(409, "not_pending", f"Order {order_id} is {order.status} already.")
        return OrderView.model_validate(order)

    @app.get("/customers/{user_id}")
    def customer(user_id: str) -> CustomerView:
        """Orders' own copy of a user."""
        with database.read() as session:
            known = session.get(Customer, user_id)
        if known is None:
            raise Problem(404, "unknown_user", f"Orders has not heard of a user {user_id}.")
        return CustomerView.model_validate(known)

    @app.get("/customers")
    def list_customers(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100, after: str = ""
    ) -> dict[str, list[CustomerView]]:
        """In the order of ids; `after` is the last id of the page before."""
        page = select(Customer).where(Customer.id > after).order_by(Customer.id).limit(limit)
        with database.read() as session:
            return {"items": [CustomerView.model_validate(customer) for customer in session.scalars(page)]}

    return app


def _find(session: Session, order_id: str, *, lock: bool = False) -> Order:
    order = session.get(Order, order_id, with_for_update=lock)
    if order is None:
        raise Problem(404, "unknown_order", f"There is no order {order_id}.")
    return order
