"""HTTP: place an order. Who may place one, this service knows by itself."""

from __future__ import annotations

import logging
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
from orders.events import Event, user_registered
from orders.messaging import Consumer
from orders.models import Base, KnownUser, Order

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    amqp_url: str
    prefetch: int = 10


class OrderRequest(BaseModel):
    user_id: Annotated[str, Field(min_length=1, max_length=64)]
    amount: Annotated[int, Field(gt=0)]


class OrderView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    user_id: str
    amount: int


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)

    def remember(event: Event) -> None:
        """Keep whom we hear of; hearing it twice changes nothing. Other types are none of our business, and a type
        that we do not know is no error: whoever publishes may tell more than we listen to."""
        if event.type != "user.registered":
            log.info("ignored %s", event.type)
            return
        with database.write() as session:
            session.merge(KnownUser(id=user_registered(event).user_id))

    consumer = Consumer(
        settings.amqp_url,
        settings.service_name,
        "orders.user-registered",
        ["user.registered"],
        remember,
        prefetch=settings.prefetch,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        consumer.start()
        yield
        await run_in_threadpool(consumer.stop)
        database.close()

    # Without the broker we still take orders from everybody we know: degraded, not unready.
    health = Health(required={"database": database.check}, optional={"broker": consumer.check})
    app = create_web_app("orders", health, lifespan)

    @app.post("/orders", status_code=201)
    def place(request: OrderRequest) -> OrderView:
        with database.write() as session:
            if session.get(KnownUser, request.user_id) is None:
                raise Problem(422, "unknown_user", f"No user {request.user_id} is known here (yet).")
            order = Order(id=new_id(), user_id=request.user_id, amount=request.amount)
            session.add(order)
        return OrderView.model_validate(order)

    return app
