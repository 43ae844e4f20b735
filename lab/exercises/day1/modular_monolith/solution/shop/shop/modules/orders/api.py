"""The public face of orders."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select

from lab.chassis.database import Database
from shop.common.part import Part
from shop.modules.orders.models import Base, Order
from shop.modules.orders.routes import router
from shop.modules.users.api import Users


def part(database: Database, users: Users, placed: Callable[[str, str], None]) -> Part:
    """`placed` is told of every new order: the ids of its user and its own."""
    return Part(router(database, users, placed), Base.metadata)


def has_orders(database: Database, user_id: str) -> bool:
    with database.read() as session:
        return session.scalar(select(Order.id).where(Order.user_id == user_id).limit(1)) is not None
