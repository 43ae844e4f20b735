"""Orders, and what this service needs to know of users: a copy of its own, fed by events."""

from __future__ import annotations

from sqlalchemy import Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class KnownUser(Base):
    __tablename__ = "known_users"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)


class Order(Base):
    """`pending` until the payment is decided; then `confirmed` or `cancelled`."""

    __tablename__ = "orders"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(64))
    ref: Mapped[str] = mapped_column(String(64), unique=True)
    amount: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(String(16), default="pending")
    reason: Mapped[str] = mapped_column(String(64), default="")
