"""The users' table, a copy. That an address is taken by one user only is decided where the record is."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from lab.day6_integration.moving.copies import Copied


class Base(DeclarativeBase):
    pass


class User(Copied, Base):
    __tablename__ = "users"

    email: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(200))
