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
from lab.day6_integration.calls.neighbour import Neighbour
from lab.day6_integration.payments.handlers import Handlers
from lab.day6_integration.payments.models import Base, Payment
from lab.day6_integration.payments.wallet import Wallet


@dataclass(frozen=True, kw_only=True)
class Settings(MessagingSettings):
    legacy_url: str
    legacy_timeout_ms: int = 2000


class PaymentView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    order_id: str
    amount: int
    status: str
    reason: str


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    messaging = Messaging(settings, database)
    legacy = Neighbour("legacy", settings.legacy_url, timeout=settings.legacy_timeout_ms / 1000)
    Handlers(messaging, Wallet(legacy)).subscribe()
    app = service_app("payments", database, Base.metadata, messaging, close=legacy.close)

    @app.get("/payments")
    def payments(order_id: str) -> dict[str, list[PaymentView]]:
        with database.read() as session:
            found = session.scalars(select(Payment).where(Payment.order_id == order_id)).all()
        return {"items": [PaymentView.model_validate(payment) for payment in found]}

    return app
