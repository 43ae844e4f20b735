"""The orders, and orders' own copy of who may order."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Float, Index, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Status = Literal["pending", "confirmed", "cancelled"]


class Base(DeclarativeBase):
    pass


class Customer(Base):
    """What orders needs to know of a user; it learns it from `user.registered` and never asks."""

    __tablename__ = "customers"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))


class Order(Base):
    """`pending` until the payment is decided or the customer cancels; then final."""

    __tablename__ = "orders"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    ref: Mapped[str | None] = mapped_column(String(64), unique=True)
    user_id: Mapped[str] = mapped_column(String(64))
    amount: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(64), default="")
    created: Mapped[float] = mapped_column(Float)
    correlation: Mapped[str] = mapped_column(String(128))
    remind_at: Mapped[float] = mapped_column(Float)
    reminders: Mapped[int] = mapped_column(Integer, default=0)

    __table_args__ = (Index("orders_by_status", "status", "remind_at"),)
