"""Where each saga stands."""

from __future__ import annotations

from sqlalchemy import Float, Index, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Saga(Base):
    """One an order, under the order's id: by that, answers find the saga that they belong to.

    `step` is what it waits for (see `steps.py`), `since` when it began to, `remind_at` when it asks again.
    """

    __tablename__ = "sagas"

    order_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(64))
    amount: Mapped[int] = mapped_column(Integer)
    correlation: Mapped[str] = mapped_column(String(128))
    step: Mapped[str] = mapped_column(String(16))
    outcome: Mapped[str] = mapped_column(String(16), default="")
    reason: Mapped[str] = mapped_column(String(64), default="")
    since: Mapped[float] = mapped_column(Float)
    remind_at: Mapped[float] = mapped_column(Float)
    reminders: Mapped[int] = mapped_column(Integer, default=0)

    __table_args__ = (Index("sagas_by_step", "step", "remind_at"),)
