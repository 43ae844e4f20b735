"""Only health is HTTP here: all else comes in as events, and goes out as events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from payments import outbox
from payments.consuming import Consumer
from payments.handler import Orders
from payments.models import Base
from payments.provider import Provider


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    amqp_url: str
    payment_url: str
    http_timeout_ms: int = 2000
    prefetch: int = 10
    retry_delay_ms: int = 500


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    provider = Provider(settings.payment_url, settings.http_timeout_ms / 1000)
    relay = outbox.Relay(database, settings.amqp_url, settings.service_name)
    consumer = Consumer(
        settings.amqp_url,
        settings.service_name,
        "payments.order-events",
        ["order.created", "order.cancelled"],
        Orders(database, provider).handle,
        prefetch=settings.prefetch,
        retry_delay_ms=settings.retry_delay_ms,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata, outbox.metadata)
        relay.start()
        consumer.start()
        yield
        await run_in_threadpool(consumer.stop)
        await run_in_threadpool(relay.stop)
        provider.close()
        database.close()

    checks = {"publisher": relay.check, "consumer": consumer.check}
    return create_web_app("payments", Health(required={"database": database.check}, optional=checks), lifespan)
