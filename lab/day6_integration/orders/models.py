"""The orders' table, a copy with what the monolith does not know: how far the payment is. And who orders' customers
are, as far as orders has heard."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from lab.day6_integration.moving.copies import Copied

Payment = Literal["", "requested", "approved", "declined"]


class Base(DeclarativeBase):
    pass


class Customer(Base):
    """A user who may order. Learned from `user.registered` and from each answer of users."""

    __tablename__ = "customers"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)


class Order(Copied, Base):
    __tablename__ = "orders"

    user_id: Mapped[str] = mapped_column(String(64), index=True)
    amount: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(String(16))
    payment: Mapped[str] = mapped_column(String(16), default="")
    reason: Mapped[str] = mapped_column(String(64), default="")
    """Why the payment was declined."""
