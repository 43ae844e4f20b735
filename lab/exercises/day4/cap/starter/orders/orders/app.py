"""HTTP: a summary of a user, and withdrawals. One may be old, the other may not be wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import FastAPI
from pydantic import AwareDatetime, BaseModel, Field
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from orders.consuming import Consumer
from orders.models import Base
from orders.replica import Replica


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    amqp_url: str
    users_url: str
    prefetch: int = 10
    http_timeout_ms: int = 500
    stale_after_ms: int = 1500


class Summary(BaseModel):
    name: str
    balance: int
    stale: bool
    as_of: AwareDatetime


class Withdrawal(BaseModel):
    user_id: Annotated[str, Field(min_length=1, max_length=64)]
    amount: Annotated[int, Field(gt=0)]


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    replica = Replica(database)
    consumer = Consumer(
        settings.amqp_url,
        settings.service_name,
        "orders.users",
        ["user.*"],
        replica.handle,
        prefetch=settings.prefetch,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        consumer.start()
        yield
        await run_in_threadpool(consumer.stop)
        database.close()

    health = Health(required={"database": database.check}, optional={"broker": consumer.check})
    app = create_web_app("orders", health, lifespan)

    @app.get("/users/{user_id}/summary")
    def summary(user_id: str) -> Summary:
        user = replica.find(user_id)
        if user is None:
            raise Problem(404, "unknown_user", f"No user {user_id} is known here.")
        # TODO: is that so now? When was it so for certain, and how do we notice that we hear nothing any more?
        return Summary(name=user.name, balance=user.balance, stale=False, as_of=datetime.now(UTC))

    @app.post("/withdrawals", status_code=201)
    def withdraw(wanted: Withdrawal) -> None:
        # TODO: only users knows the balance. And if it does not answer?
        raise Problem(501, "not_implemented", "Withdrawals are still to be written.")

    return app
