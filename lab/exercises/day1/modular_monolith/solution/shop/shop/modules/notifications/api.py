"""The public face of notifications."""

from __future__ import annotations

from lab.chassis.database import Database
from shop.common.part import Part
from shop.modules.notifications.models import Base, Notification
from shop.modules.notifications.routes import router


def part(database: Database) -> Part:
    return Part(router(database), Base.metadata)


def order_placed(database: Database, user_id: str, order_id: str) -> None:
    """Write down that the user is to be told."""
    with database.write() as session:
        session.add(Notification(user_id=user_id, order_id=order_id, template="order_created"))
