"""HTTP: place an order. Who may place one, the users service knows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import httpx
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.ids import new_id, outgoing_headers
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.tls import AUTHORITIES
from lab.chassis.web import create_app as create_web_app
from orders.models import Base, Order


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    amqp_url: str
    users_url: str
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
    users = httpx.Client(base_url=settings.users_url, timeout=2.0, trust_env=False, verify=AUTHORITIES)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        yield
        await run_in_threadpool(users.close)
        database.close()

    health = Health(required={"database": database.check})
    app = create_web_app("orders", health, lifespan)

    @app.post("/orders", status_code=201)
    def place(request: OrderRequest) -> OrderView:
        # TODO: know it ourselves. While users is down, nobody can order, not even those we have known for years.
        if not exists(request.user_id):
            raise Problem(422, "unknown_user", f"There is no user {request.user_id}.")
        order = Order(id=new_id(), user_id=request.user_id, amount=request.amount)
        with database.write() as session:
            session.add(order)
        return OrderView.model_validate(order)

    def exists(user_id: str) -> bool:
        try:
            answer = users.get(f"/users/{user_id}", headers=outgoing_headers())
        except httpx.HTTPError as error:
            raise Problem(503, "users_unavailable", "The users service does not answer.") from error
        return answer.status_code == httpx.codes.OK

    return app
