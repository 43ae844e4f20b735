"""HTTP for the people who run this: health, and giving what was parked another chance."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pika
from fastapi import FastAPI
from pika.exceptions import AMQPError
from starlette.concurrency import run_in_threadpool

from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from notifications.consumer import Consumer, parameters
from notifications.events import Event, order_created
from notifications.mailer import Mailer
from notifications.patience import in_time
from notifications.queues import Queues

log = logging.getLogger(__name__)

QUEUE = "notifications.order-created"

_PATIENCE = 20.0
"""Seconds that a replay may take."""


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
        """Raises Unreadable, NotSent, Refused."""
        if event.type != "order.created":
            log.info("ignored %s", event.type)
            return
        order = order_created(event)
        mailer.send(order.user_id, "order_created", order.order_id)

    queues = Queues(QUEUE, "order.created", settings.retry_delay_ms)
    consumer = Consumer(
        settings.amqp_url, queues, handle, prefetch=settings.prefetch, max_deliveries=settings.max_deliveries
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        consumer.start()
        yield
        await run_in_threadpool(consumer.stop)
        mailer.close()

    app = create_web_app("notifications", Health(optional={"broker": consumer.check}), lifespan)

    @app.post("/admin/dlq/replay")
    def replay() -> dict[str, int]:
        """Over a connection of its own: the consumer's belongs to the consumer's thread."""
        try:
            with pika.BlockingConnection(parameters(settings.amqp_url)) as connection, in_time(connection, _PATIENCE):
                channel = connection.channel()
                channel.confirm_delivery()
                queues.declare(channel)
                return {"replayed": queues.replay(channel)}
        except (AMQPError, OSError) as error:
            raise Problem(503, "broker_unavailable", f"Not all could be replayed: {error!r}") from error

    return app
