"""The payments' table."""

from __future__ import annotations

from sqlalchemy import Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from payments.provider import Decision


class Base(DeclarativeBase):
    pass


class Payment(Base):
    """One an order. The key is what a second event about the same order is recognised by."""

    __tablename__ = "payments"

    order_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    amount: Mapped[int] = mapped_column(Integer, default=0)
    status: Mapped[Decision] = mapped_column(String(16))
