"""Idempotency keys: the same request a second time is the same order, and gets the same answer.

Key and order are written in one transaction. Looking first and writing later would let two requests both find nothing,
and both place an order.
"""

from __future__ import annotations

import hashlib

from pydantic import BaseModel
from sqlalchemy import String
from sqlalchemy.orm import Mapped, Session, mapped_column

from lab.chassis.database import insert_missing
from lab.chassis.problems import Problem
from lab.day5_resilience.orders.models import Base, Order


class Key(Base):
    """Which order was placed under a key, and what was asked for: one who means something else must be told."""

    __tablename__ = "keys"

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    request: Mapped[str] = mapped_column(String(64))
    order_id: Mapped[str] = mapped_column(String(64))


def placed(session: Session, key: str, request: BaseModel) -> Order | None:
    """The order that was placed under this key. Raises Problem if that was another request."""
    known = session.get(Key, key) if key else None
    if known is None:
        return None
    if known.request != _fingerprint(request):
        raise Problem(422, "key_reused", "This Idempotency-Key belongs to another request.")
    return session.get_one(Order, known.order_id)


def place(session: Session, key: str, request: BaseModel, order: Order) -> Order:
    """Add the order, unless somebody else has placed it under this key since we looked; the one that there is now."""
    if key and not insert_missing(session, Key, key=key, request=_fingerprint(request), order_id=order.id):
        earlier = placed(session, key, request)
        assert earlier is not None
        return earlier
    session.add(order)
    return order


def _fingerprint(request: BaseModel) -> str:
    return hashlib.sha256(request.model_dump_json().encode()).hexdigest()
