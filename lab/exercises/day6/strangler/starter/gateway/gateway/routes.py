"""The routing table: for a prefix, a target. It is kept, because a restart must not send customers back."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from lab.chassis.database import Database


class Base(DeclarativeBase):
    pass


class Row(Base):
    __tablename__ = "routes"

    prefix: Mapped[str] = mapped_column(String(64), primary_key=True)
    target: Mapped[str] = mapped_column(String(32))


class Routes:
    """The table. A prefix that nobody has set leads to the monolith."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, prefix: str) -> str:
        with self._database.read() as session:
            row = session.get(Row, prefix)
        return row.target if row else "legacy"

    def put(self, prefix: str, target: str) -> None:
        with self._database.write() as session:
            session.merge(Row(prefix=prefix, target=target))
