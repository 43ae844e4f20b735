"""HTTP: look at payments. All else comes and goes as events."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from lab.chassis.database import Database
from lab.chassis.messaging import Messaging
from lab.chassis.service import service_app
from lab.chassis.settings import MessagingSettings
from lab.day3_events.payments.handlers import CUES, Handlers
from lab.day3_events.payments.models import Base, Payment
from lab.day3_events.payments.provider import Provider


@dataclass(frozen=True, kw_only=True)
class Settings(MessagingSettings):
    payment_url: str
    saga: str = "choreography"
    """Or `orchestration`: whether payments acts on facts about orders, or on the orchestrator's commands."""


class PaymentView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    order_id: str
    amount: int
    status: str
    charge_id: str
    reason: str


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    messaging = Messaging(settings, database)
    provider = Provider(settings.payment_url)
    Handlers(messaging, provider, CUES[settings.saga]).subscribe()
    app = service_app("payments", database, Base.metadata, messaging, close=provider.close)

    @app.get("/payments")
    def payments(order_id: str) -> dict[str, list[PaymentView]]:
        with database.read() as session:
            found = session.scalars(select(Payment).where(Payment.order_id == order_id)).all()
        return {"items": [PaymentView.model_validate(payment) for payment in found]}

    return app
