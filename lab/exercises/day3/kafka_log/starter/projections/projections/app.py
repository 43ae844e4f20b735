"""HTTP: look at the projection of an order. All else comes in from the log."""

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
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from projections.consumer import Consumer
from projections.mailer import Mailer
from projections.models import Base, Entry
from projections.projecting import Projecting


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    kafka_bootstrap: str
    notify_url: str
    group_id: str = "projections"
    session_timeout_ms: int = 6000
    http_timeout_ms: int = 2000


class EntryView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    version: int
    status: str


class ProjectionView(BaseModel):
    order_id: str
    status: str
    version: int
    history: list[EntryView]


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    mailer = Mailer(settings.notify_url, settings.http_timeout_ms / 1000)
    consumer = Consumer(
        settings.kafka_bootstrap,
        settings.group_id,
        Projecting(database, mailer).handle,
        session_timeout_ms=settings.session_timeout_ms,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        consumer.start()
        yield
        await run_in_threadpool(consumer.stop)
        mailer.close()
        database.close()

    app = create_web_app("projections", Health(required={"database": database.check}), lifespan)

    @app.get("/projections/orders/{order_id}")
    def show(order_id: str) -> ProjectionView:
        with database.read() as session:
            of_order = select(Entry).where(Entry.order_id == order_id).order_by(Entry.position)
            history = [EntryView.model_validate(entry) for entry in session.scalars(of_order)]
        if not history:
            raise Problem(404, "unknown_order", f"Nothing was heard of an order {order_id}.")
        return ProjectionView(
            order_id=order_id, status=history[-1].status, version=history[-1].version, history=history
        )

    return app
