"""The payments' table: one row an order."""

from __future__ import annotations

from sqlalchemy import Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Payment(Base):
    """charging ─▶ approved | declined; charging or approved ─▶ refund_due ─▶ refunded; nothing at all ─▶ void.

    `charging` means that the provider *may* have been asked. It is committed before the call, so that after a crash
    nobody takes "I do not know" for "not charged".
    """

    __tablename__ = "payments"

    order_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    amount: Mapped[int] = mapped_column(Integer, default=0)
    status: Mapped[str] = mapped_column(String(16))
    charge_id: Mapped[str] = mapped_column(String(64), default="")
    reason: Mapped[str] = mapped_column(String(64), default="")
