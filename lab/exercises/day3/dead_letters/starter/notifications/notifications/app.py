"""HTTP for the people who run this: health, and giving what was parked another chance."""

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

QUEUE = "notifications.order-created"


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    amqp_url: str
    notify_url: str
    http_timeout_ms: int = 2000
    prefetch: int = 10
    max_deliveries: int = 5
    retry_delay_ms: int = 1000


def create_app(settings: Settings) -> FastAPI:
    mailer = Mailer(settings.notify_url, settings.http_timeout_ms / 1000)

    def handle(event: Event) -> None:
        """Raises Unreadable, NotSent."""
        if event.type != "order.created":
            log.info("ignored %s", event.type)
            return
        order = order_created(event)
        # TODO: a mailer that is away is not one that says no. Who may try again, and when, and how often?
        mailer.send(order.user_id, "order_created", order.order_id)

    consumer = Consumer(settings.amqp_url, QUEUE, "order.created", handle, prefetch=settings.prefetch)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        consumer.start()
        yield
        await run_in_threadpool(consumer.stop)
        mailer.close()

    app = create_web_app("notifications", Health(optional={"broker": consumer.check}), lifespan)

    @app.post("/admin/dlq/replay")
    def replay() -> dict[str, int]:
        # TODO: whatever is parked goes back to where it came from, with all its attempts before it.
        return {"replayed": 0}

    return app
