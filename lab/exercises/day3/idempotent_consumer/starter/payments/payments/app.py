"""HTTP: look at payments. All else comes in as events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from payments.handler import Charging
from payments.messaging import Consumer
from payments.models import Base, Payment
from payments.provider import Provider


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    amqp_url: str
    payment_url: str
    http_timeout_ms: int = 2000
    prefetch: int = 10


class PaymentView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    order_id: str
    amount: int
    status: str
    charge_id: str


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    provider = Provider(settings.payment_url, settings.http_timeout_ms / 1000)
    consumer = Consumer(
        settings.amqp_url,
        settings.service_name,
        "payments.order-created",
        ["order.created"],
        Charging(database, provider).handle,
        prefetch=settings.prefetch,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        consumer.start()
        yield
        await run_in_threadpool(consumer.stop)
        provider.close()
        database.close()

    health = Health(required={"database": database.check}, optional={"broker": consumer.check})
    app = create_web_app("payments", health, lifespan)

    @app.get("/payments")
    def payments(order_id: str) -> dict[str, list[PaymentView]]:
        with database.read() as session:
            found = session.scalars(select(Payment).where(Payment.order_id == order_id)).all()
        return {"items": [PaymentView.model_validate(payment) for payment in found]}

    return app
