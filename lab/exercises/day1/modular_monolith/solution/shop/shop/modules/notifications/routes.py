"""Notifications: /notifications."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from lab.chassis.database import Database
from shop.modules.notifications.models import Notification


class NotificationView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    user_id: str
    order_id: str
    template: str
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
