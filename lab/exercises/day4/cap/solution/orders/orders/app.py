"""HTTP: a summary of a user, and withdrawals. One may be old, the other may not be wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import FastAPI, Header
from pydantic import AwareDatetime, BaseModel, Field
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from orders.authority import Authority
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


class WithdrawalRequest(BaseModel):
    user_id: Annotated[str, Field(min_length=1, max_length=64)]
    amount: Annotated[int, Field(gt=0)]


class Withdrawal(BaseModel):
    """As users tells of it."""

    id: str
    user_id: str
    amount: int
    balance: int


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    replica = Replica(database)
    authority = Authority(settings.users_url, settings.http_timeout_ms / 1000)
    stale_after = timedelta(milliseconds=settings.stale_after_ms)
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
        await run_in_threadpool(authority.close)
        database.close()

    health = Health(required={"database": database.check}, optional={"broker": consumer.check})
    app = create_web_app("orders", health, lifespan)

    @app.get("/users/{user_id}/summary")
    def summary(user_id: str) -> Summary:
        """AP: there is always an answer, and it says how old it may be."""
        user, as_of = replica.find(user_id)
        if user is None or as_of is None:
            raise Problem(404, "unknown_user", f"No user {user_id} is known here (yet).")
        stale = datetime.now(UTC) - as_of > stale_after
        return Summary(name=user.name, balance=user.balance, stale=stale, as_of=as_of)

    @app.post("/withdrawals", status_code=201)
    def withdraw(
        wanted: WithdrawalRequest,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
    ) -> Withdrawal:
        """CP: users says yes or no, or nobody does. Our copy of the balance is for showing only."""
        if idempotency_key is None:
            raise Problem(400, "idempotency_key_missing", "A withdrawal needs an Idempotency-Key.")
        return Withdrawal.model_validate(authority.withdraw(wanted.user_id, wanted.amount, idempotency_key))

    return app
