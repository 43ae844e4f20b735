"""The provider's books. They outlive a crash, as a provider's would."""

from __future__ import annotations

from sqlalchemy import Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Charge(Base):
    """One a key: who asks twice under two keys pays twice. `requests` counts how often it was asked for."""

    __tablename__ = "charges"

    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    id: Mapped[str] = mapped_column(String(64))
    order_id: Mapped[str] = mapped_column(String(64), index=True)
    amount: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(String(16))
    requests: Mapped[int] = mapped_column(Integer, default=1)


class Refund(Base):
    """One an order. From then on nothing is charged for it."""

    __tablename__ = "refunds"

    order_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    amount: Mapped[int] = mapped_column(Integer)
    requests: Mapped[int] = mapped_column(Integer, default=1)
