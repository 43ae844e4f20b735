"""No HTTP but health: all that there is to do comes in as events."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from lab.chassis.health import Health
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from notifications.consumer import Consumer
from notifications.events import Event, order_created
from notifications.mailer import Mailer

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    amqp_url: str
    notify_url: str
    http_timeout_ms: int = 20000
    prefetch: int = 10


def create_app(settings: Settings) -> FastAPI:
    mailer = Mailer(settings.notify_url, settings.http_timeout_ms / 1000)

    def handle(event: Event) -> None:
        """Raises Unreadable, NotSent."""
        if event.type != "order.created":
            log.info("ignored %s", event.type)
            return
        order = order_created(event)
        mailer.send(order.user_id, "order_created", order.order_id)

    consumer = Consumer(
        settings.amqp_url, "notifications.order-created", "order.created", handle, prefetch=settings.prefetch
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        consumer.start()
        yield
        await run_in_threadpool(consumer.stop)
        mailer.close()

    return create_web_app("notifications", Health(optional={"broker": consumer.check}), lifespan)
