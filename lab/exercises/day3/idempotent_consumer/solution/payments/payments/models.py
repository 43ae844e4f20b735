"""The payments, and the memory of what was handled. Both live in one database, so that one transaction covers both."""

from __future__ import annotations

from sqlalchemy import Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class HandledEvent(Base):
    """An event that was dealt with. The key is unique, and it is the database that says so, not an `if` of ours."""

    __tablename__ = "handled_events"

    id: Mapped[str] = mapped_column(String(128), primary_key=True)


class Payment(Base):
    """One an order: that, too, is the database's to hold, against a second event that tells of the same order."""

    __tablename__ = "payments"

    order_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    amount: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(String(16))
    charge_id: Mapped[str] = mapped_column(String(64), default="")
