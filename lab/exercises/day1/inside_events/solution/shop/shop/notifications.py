"""Notifications: who was written to, and whether it went out. Of users they know what the events say."""

from __future__ import annotations

import logging

import httpx
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from lab.chassis.database import Database
from shop.events import UserRegistered
from shop.mail import Mail
from shop.models import Notification

log = logging.getLogger(__name__)


class Notifications:
    def __init__(self, database: Database, mail: Mail) -> None:
        self._database = database
        self._mail = mail

    def welcome(self, event: UserRegistered) -> None:
        template = "welcome"
        status = "sent" if self._sent(event.user_id, template) else "failed"
        with self._database.write() as session:
            session.add(Notification(user_id=event.user_id, template=template, status=status))

    def _sent(self, user_id: str, template: str) -> bool:
        try:
            self._mail.send(user_id, template)
        except httpx.HTTPError as error:
            log.warning("no mail to user %s: %r", user_id, error)
            return False
        return True


class NotificationView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    user_id: str
    template: str
    status: str
    created_at: str


class NotificationList(BaseModel):
    items: list[NotificationView]


def router(database: Database) -> APIRouter:
    routes = APIRouter(prefix="/notifications", tags=["notifications"])

    @routes.get("")
    def listing(user_id: str) -> NotificationList:
        rows = select(Notification).where(Notification.user_id == user_id).order_by(Notification.position)
        with database.read() as session:
            return NotificationList(items=[NotificationView.model_validate(one) for one in session.scalars(rows)])

    return routes
