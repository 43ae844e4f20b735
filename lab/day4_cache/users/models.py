"""The tables of a region: the users, and two places in the order of changes."""

from __future__ import annotations

from sqlalchemy import JSON, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from lab.chassis.database import Database, insert_missing

RESIDENTS = 20
"""Users that both regions know from the beginning."""


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    versions: Mapped[dict[str, int]] = mapped_column(JSON)
    by: Mapped[str] = mapped_column(String(64))
    change: Mapped[int] = mapped_column(Integer, index=True)
    """The number of the last write in this region; 0 if there was none."""


class Place(Base):
    """`written`: the number of the last write in this region. `read`: that of the other one's last that is here."""

    __tablename__ = "places"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    number: Mapped[int] = mapped_column(Integer)


def furnish(database: Database) -> None:
    """Fill an empty database; what is there already stays."""
    with database.write() as session:
        for name in ("written", "read"):
            insert_missing(session, Place, name=name, number=0)
        for number in range(1, RESIDENTS + 1):
            insert_missing(session, User, id=str(number), name=f"Resident {number}", versions={}, by="", change=0)
