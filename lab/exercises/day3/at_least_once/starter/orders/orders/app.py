"""HTTP: take an order. What becomes of it, others decide when they hear of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from lab.chassis.health import Health
from lab.chassis.ids import new_id
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from orders.events import order_created
from orders.publisher import NotConfirmed, Publisher


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    amqp_url: str
    confirm_timeout_ms: int = 3000


class NewOrder(BaseModel):
    user_id: Annotated[str, Field(min_length=1)]
    amount: Annotated[int, Field(gt=0)]


class OrderView(BaseModel):
    id: str
    user_id: str
    amount: int


def create_app(settings: Settings) -> FastAPI:
    publisher = Publisher(settings.amqp_url, settings.confirm_timeout_ms / 1000)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(publisher.start)
        yield
        await run_in_threadpool(publisher.stop)

    app = create_web_app("orders", Health(optional={"broker": publisher.check}), lifespan)

    @app.post("/orders", status_code=201)
    def order(wanted: NewOrder) -> OrderView:
        """Runs in a thread of a pool: several of these at the same time."""
        made = OrderView(id=new_id(), user_id=wanted.user_id, amount=wanted.amount)
        try:
            publisher.publish(order_created(made.id, made.user_id, made.amount))
        except NotConfirmed as error:
            raise Problem(503, "broker_unavailable", f"The order was not taken: {error}") from error
        return made

    return app
