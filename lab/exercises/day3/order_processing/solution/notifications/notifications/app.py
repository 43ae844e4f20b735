"""Only health is HTTP here: what there is to do comes in as events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from lab.chassis.health import Health
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from notifications.consuming import Consumer
from notifications.handler import Outcomes
from notifications.mailer import Mailer


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    amqp_url: str
    notify_url: str
    http_timeout_ms: int = 2000
    prefetch: int = 10
    retry_delay_ms: int = 500


def create_app(settings: Settings) -> FastAPI:
    mailer = Mailer(settings.notify_url, settings.http_timeout_ms / 1000)
    consumer = Consumer(
        settings.amqp_url,
        settings.service_name,
        "notifications.order-outcome",
        ["order.confirmed", "order.cancelled"],
        Outcomes(mailer).handle,
        prefetch=settings.prefetch,
        retry_delay_ms=settings.retry_delay_ms,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        consumer.start()
        yield
        await run_in_threadpool(consumer.stop)
        mailer.close()

    return create_web_app("notifications", Health(optional={"consumer": consumer.check}), lifespan)
