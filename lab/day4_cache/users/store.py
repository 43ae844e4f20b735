"""The users of one region: written here, offered to the other region, and received from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from lab.chassis.database import Database
from lab.day4_cache.users.models import Place, User
from lab.day4_cache.users.versions import Record, counted, merged


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of a record of the other region: `kept` is the row now. In a conflict a name was `dropped`."""

    kept: Record
    dropped: str | None


class Store:
    def __init__(self, database: Database, region: str) -> None:
        self._database = database
        self._region = region

    def find(self, user_id: str) -> Record | None:
        with self._database.read() as session:
            return _record(session.get(User, user_id))

    def write(self, user_id: str, name: str) -> Record:
        """Give the user this name, here and now; whoever is not known yet is from now on."""
        with self._database.write() as session:
            number = _next(session)  # first, for it lets one writer in at a time: numbers are in the order of commits
            known = _record(session.get(User, user_id))
            versions = counted(known.versions if known else {}, self._region)
            record = Record(id=user_id, name=name, versions=versions, by=self._region)
            session.merge(User(**record.model_dump(), change=number))
        return record

    def changes(self, after: int, limit: int) -> tuple[list[Record], int]:
        """Users that were written here after that number, and the number of the last of them."""
        page = select(User).where(User.change > after).order_by(User.change).limit(limit)
        with self._database.read() as session:
            rows = session.scalars(page).all()
        return [Record.model_validate(row, from_attributes=True) for row in rows], rows[-1].change if rows else after

    def place(self) -> int:
        """Up to which of the other region's numbers all is here."""
        with self._database.read() as session:
            return session.get_one(Place, "read").number

    def receive(self, records: Sequence[Record], upto: int) -> list[Arrival]:
        """Take the other region's records in, and remember up to where: both or neither. What was known is left out."""
        arrivals = []
        with self._database.write() as session:
            _next(session)  # as a writer does: between looking and merging nobody writes
            for record in records:
                row = session.get(User, record.id)
                known = _record(row)
                kept, conflict = merged(known, record) if known else (record, False)
                if kept != known:
                    dropped = known if known and kept.by == record.by else record
                    arrivals.append(Arrival(kept, dropped.name if conflict else None))
                    session.merge(User(**kept.model_dump(), change=row.change if row else 0))
            session.execute(update(Place).where(Place.name == "read").values(number=upto))
        return arrivals


def _next(session: Session) -> int:
    session.execute(update(Place).where(Place.name == "written").values(number=Place.number + 1))
    return session.get_one(Place, "written").number


def _record(row: User | None) -> Record | None:
    return None if row is None else Record.model_validate(row, from_attributes=True)
