"""The users' table, a copy. That an address is taken by one user only is decided where the record is."""

from __future__ import annotations

from sqlalchemy import Boolean, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    email: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(200))
    doubtful: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether it is to be asked for again: somebody is changing it, or did."""
