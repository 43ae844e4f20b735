"""HTTP: look at what was sent. All else comes as events."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from lab.chassis.database import Database
from lab.chassis.messaging import Messaging
from lab.chassis.service import service_app
from lab.chassis.settings import MessagingSettings
from lab.day3_events.notifications.handlers import Handlers
from lab.day3_events.notifications.mailer import Mailer
from lab.day3_events.notifications.models import Base, Notification


@dataclass(frozen=True, kw_only=True)
class Settings(MessagingSettings):
    notify_url: str
    saga: str = "choreography"
    """Or `orchestration`: whether the end of an order is the cue for its mail, or the orchestrator's command is."""


class NotificationView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    order_id: str
    user_id: str
    template: str


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    messaging = Messaging(settings, database)
    mailer = Mailer(settings.notify_url)
    Handlers(messaging, database, mailer).subscribe(settings.saga)
    app = service_app("notifications", database, Base.metadata, messaging, close=mailer.close)

    @app.get("/notifications")
    def notifications(order_id: str) -> dict[str, list[NotificationView]]:
        with database.read() as session:
            found = session.scalars(select(Notification).where(Notification.order_id == order_id)).all()
        return {"items": [NotificationView.model_validate(sent) for sent in found]}

    return app
