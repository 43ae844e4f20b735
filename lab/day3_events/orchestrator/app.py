"""HTTP: look at where a saga stands. All else comes and goes as messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Query
from pydantic import BaseModel
from sqlalchemy import select

from lab.chassis.database import Database
from lab.chassis.messaging import Messaging
from lab.chassis.periodic import Periodic
from lab.chassis.problems import Problem
from lab.chassis.service import service_app
from lab.chassis.settings import MessagingSettings
from lab.day3_events.orchestrator import steps
from lab.day3_events.orchestrator.conductor import Conductor
from lab.day3_events.orchestrator.models import Base, Saga


@dataclass(frozen=True, kw_only=True)
class Settings(MessagingSettings):
    remind_after_s: float = 20.0
    """Seconds after which a command that was not answered is given again for the first time."""
    saga_timeout_s: float = 60.0
    """Seconds after which a payment that was not decided is taken for undecidable, and undone."""


class SagaView(BaseModel):
    order_id: str
    state: str
    step: str
    reason: str


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    messaging = Messaging(settings, database)
    conductor = Conductor(messaging, remind_after=settings.remind_after_s, timeout=settings.saga_timeout_s)
    conductor.subscribe()
    often = min(5.0, settings.remind_after_s / 2, settings.saga_timeout_s / 4)
    looking = Periodic("looking after sagas", often, conductor.look_after)
    app = service_app("orchestrator", database, Base.metadata, messaging, background=[looking])

    @app.get("/sagas/{order_id}")
    def show(order_id: str) -> SagaView:
        with database.read() as session:
            saga = session.get(Saga, order_id)
        if saga is None:
            raise Problem(404, "unknown_saga", f"There is no saga of an order {order_id}.")
        return _view(saga)

    @app.get("/sagas")
    def list_sagas(
        step: str = "", limit: Annotated[int, Query(ge=1, le=1000)] = 100, after: str = ""
    ) -> dict[str, list[SagaView]]:
        """In the order of ids; `after` is the last id of the page before."""
        page = select(Saga).where(Saga.order_id > after).order_by(Saga.order_id).limit(limit)
        if step:
            page = page.where(Saga.step == step)
        with database.read() as session:
            return {"items": [_view(saga) for saga in session.scalars(page)]}

    return app


def _view(saga: Saga) -> SagaView:
    state = steps.state(saga.step, saga.outcome, saga.reason)
    return SagaView(order_id=saga.order_id, state=state, step=saga.step, reason=saga.reason)
