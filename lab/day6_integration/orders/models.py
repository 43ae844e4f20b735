"""The orders' table, a copy with what the monolith does not know: how far the payment is."""

from __future__ import annotations

from sqlalchemy import Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from lab.day6_integration.moving.copies import Copied


class Base(DeclarativeBase):
    pass


class Order(Copied, Base):
    __tablename__ = "orders"

    user_id: Mapped[str] = mapped_column(String(64), index=True)
    amount: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(String(16))
    payment: Mapped[str] = mapped_column(String(16), default="")
    """Empty until somebody asks for it here, then `requested`, and at last `approved` or `declined`."""
    reason: Mapped[str] = mapped_column(String(64), default="")
    """Why the payment was declined."""
