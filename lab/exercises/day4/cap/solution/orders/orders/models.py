"""The copy of users, fed by their events, and how far it reaches."""

from __future__ import annotations

from sqlalchemy import Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class KnownUser(Base):
    """A user as of one of their versions. Others may be on their way, in any order."""

    __tablename__ = "known_users"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    balance: Mapped[int] = mapped_column(Integer)
    version: Mapped[int] = mapped_column(Integer)


class Horizon(Base):
    """There is one row: until `as_of` (RFC 3339) we have heard everything."""

    __tablename__ = "horizon"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    as_of: Mapped[str] = mapped_column(String(40))
