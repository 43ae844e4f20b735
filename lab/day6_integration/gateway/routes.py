"""The route table. It is in a database and read at every request: a change counts at once, for every instance of the
gateway, and a restart forgets none."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Boolean, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from lab.chassis.database import Database

Mode = Literal["legacy", "shadow", "percent", "new"]


class Base(DeclarativeBase):
    pass


class Row(Base):
    __tablename__ = "routes"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    mode: Mapped[str] = mapped_column(String(16))
    share: Mapped[int] = mapped_column(Integer)
    fallback: Mapped[bool] = mapped_column(Boolean)


class Route(BaseModel):
    """Who answers.

    legacy    the monolith
    shadow    the monolith; what is read is asked of the new service, too, and compared
    percent   the monolith, but `share` of a hundred reads are answered by the new service
    new       the new service

    With `fallback` the monolith is asked where the new service is not there. That is right as long as the monolith
    knows all that the new service does, and no longer.
    """

    model_config = ConfigDict(from_attributes=True)

    mode: Mode
    share: Annotated[int, Field(ge=0, le=100)] = 0
    fallback: bool = False


LEGACY = Route(mode="legacy")


class Routes:
    """A route by the name of what it leads to. One that nobody has set leads to the monolith."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> Route:
        with self._database.read() as session:
            row = session.get(Row, name)
        return Route.model_validate(row) if row else LEGACY

    def put(self, name: str, route: Route) -> None:
        with self._database.write() as session:
            session.merge(Row(name=name, **route.model_dump()))
