"""The users' table: nobody else reaches it, it is in another database than theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

MOST = 100
"""Users that one request may ask for: the batch is bounded, or one caller could ask for the whole table."""


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200))


Find = Callable[[Sequence[str]], Sequence[User]]
"""Those of these ids that there are, in the order of ids."""
