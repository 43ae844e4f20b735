"""The payments' table: one row a request."""

from __future__ import annotations

from sqlalchemy import Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Payment(Base):
    """charging ─▶ approved | declined. `charging` means that the wallet may have been asked: it is committed before the
    call, so that after a crash nobody takes "I do not know" for "not paid"."""

    __tablename__ = "payments"

    request: Mapped[str] = mapped_column(String(64), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(64), index=True)
    amount: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(64), default="")
