"""HTTP: take an order, change its status. Each change is told of in the log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.ids import new_id
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from orders.events import order_changed
from orders.models import Base, Order
from orders.producer import Log


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    kafka_bootstrap: str


class OrderRequest(BaseModel):
    amount: Annotated[int, Field(gt=0)]


class StatusRequest(BaseModel):
    status: Annotated[str, Field(pattern=r"^[a-z]{1,16}$")]


class OrderView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    status: str
    version: int


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    log = Log(settings.kafka_bootstrap)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        yield
        await run_in_threadpool(log.close)
        database.close()

    app = create_web_app("orders", Health(required={"database": database.check}), lifespan)

    @app.post("/orders", status_code=201)
    def place(request: OrderRequest) -> OrderView:
        order = Order(id=new_id(), amount=request.amount, status="created", version=1)
        with database.write() as session:
            session.add(order)
        log.append(order_changed(order.id, order.status, order.version))
        return OrderView.model_validate(order)

    @app.put("/orders/{order_id}/status")
    def change(order_id: str, request: StatusRequest) -> OrderView:
        with database.write() as session:
            order = session.get(Order, order_id)
            if order is None:
                raise Problem(404, "unknown_order", f"There is no order {order_id}.")
            order.status = request.status
            order.version += 1
        log.append(order_changed(order.id, order.status, order.version))
        return OrderView.model_validate(order)

    return app
