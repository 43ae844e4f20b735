"""Orders, and beside them, in the same database, what is still to be told of them."""

from __future__ import annotations

from sqlalchemy import Float, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    ref: Mapped[str] = mapped_column(String(64), unique=True)
    amount: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(String(16), default="pending")


class Outgoing(Base):
    """One line of the outbox. `position` is the order of commits; `body` is the whole event, its id included, so that
    every attempt sends the same."""

    __tablename__ = "outbox"

    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    event_id: Mapped[str] = mapped_column(String(64), unique=True)
    body: Mapped[str] = mapped_column(Text)


class Baton(Base):
    """Who relays now, and until when (Unix time). There is one row: two relays at once would send everything twice and
    out of order."""

    __tablename__ = "relay_baton"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    holder: Mapped[str] = mapped_column(String(64), default="")
    until: Mapped[float] = mapped_column(Float, default=0.0)
