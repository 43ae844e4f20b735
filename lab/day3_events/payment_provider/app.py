"""HTTP: charge, refund, and look into the books."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import FastAPI, Header
from pydantic import BaseModel, Field
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.ids import new_id
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from lab.day3_events.payment_provider.models import Base, Charge, Refund
from lab.day3_events.stub import Behaviours


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str = "sqlite:///provider.db"
    decline_over: int = 80_000
    """Amounts above this are declined: nobody's card covers them."""


class ChargeRequest(BaseModel):
    order_id: Annotated[str, Field(min_length=1)]
    amount: Annotated[int, Field(gt=0)]


class RefundRequest(BaseModel):
    order_id: Annotated[str, Field(min_length=1)]


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    behaviours = Behaviours()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        yield
        database.close()

    app = create_web_app("payment provider", Health(required={"books": database.check}), lifespan)
    app.include_router(behaviours.router())

    @app.post("/charges", status_code=201)
    async def charge(request: ChargeRequest, idempotency_key: Annotated[str, Header()]) -> dict[str, Any]:
        deed = await behaviours.before(request.order_id)
        limit = 0 if deed == "decline" else settings.decline_over
        made = await run_in_threadpool(_charge, database, idempotency_key, request, limit)
        await behaviours.after(deed)
        if made["status"] == "declined":
            raise Problem(
                402,
                "declined",
                "The card does not cover it.",
                reason="payment_declined",
                order_id=request.order_id,
            )
        return made

    @app.post("/refunds", status_code=201)
    async def refund(request: RefundRequest) -> dict[str, Any]:
        deed = await behaviours.before(request.order_id)
        made = await run_in_threadpool(_refund, database, request.order_id)
        await behaviours.after(deed)
        return made

    @app.get("/charges")
    def charges(order_id: str = "") -> dict[str, Any]:
        """What was charged (of one order, or all), how many requests that took and under how many keys."""
        found = select(Charge).where(Charge.order_id == order_id) if order_id else select(Charge)
        with database.read() as session:
            items = [_book_entry(charge) for charge in session.scalars(found)]
        return {"items": items, "requests": sum(item["requests"] for item in items), "keys": len(items)}

    @app.get("/refunds")
    def refunds(order_id: str = "") -> dict[str, Any]:
        """What was given back (of one order, or all)."""
        found = select(Refund).where(Refund.order_id == order_id) if order_id else select(Refund)
        with database.read() as session:
            return {"items": [{"order_id": r.order_id, "amount": r.amount} for r in session.scalars(found)]}

    return app


def _charge(database: Database, key: str, request: ChargeRequest, limit: int) -> dict[str, Any]:
    """Charge, or give the answer that this key was given the first time."""
    with database.write() as session:
        charge = session.get(Charge, key)
        if charge is not None:
            charge.requests += 1
            if (charge.order_id, charge.amount) != (request.order_id, request.amount):
                raise Problem(422, "key_reused", f"The key {key} belongs to another charge.")
        elif session.get(Refund, request.order_id):
            raise Problem(409, "voided", f"Order {request.order_id} was refunded; nothing is charged for it any more.")
        else:
            status = "approved" if request.amount <= limit else "declined"
            charge = Charge(
                key=key, id=new_id(), order_id=request.order_id, amount=request.amount, status=status, requests=1
            )
            session.add(charge)
        return _book_entry(charge)


def _refund(database: Database, order_id: str) -> dict[str, Any]:
    """Give back all that was charged for the order, once, and close it for charges that are still on their way."""
    with database.write() as session:
        refund = session.get(Refund, order_id)
        if refund is not None:
            refund.requests += 1
        else:
            charged = session.scalars(select(Charge).where(Charge.order_id == order_id, Charge.status == "approved"))
            refund = Refund(order_id=order_id, amount=0, requests=1)
            for charge in charged:
                charge.status = "refunded"
                refund.amount += charge.amount
            session.add(refund)
        return {"order_id": order_id, "amount": refund.amount}


def _book_entry(charge: Charge) -> dict[str, Any]:
    return {
        "id": charge.id,
        "key": charge.key,
        "order_id": charge.order_id,
        "amount": charge.amount,
        "status": charge.status,
        "requests": charge.requests,
    }
