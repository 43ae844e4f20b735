"""The copy of a record that is elsewhere, and how it gets right again after whatever happens.

Before a write the copy is put in doubt, after it the answer is kept. Whatever dies between the two, a copy in doubt is
asked for again by who reads it. What a reader was told fills gaps and doubts only: it may be older than what a writer
has kept meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from sqlalchemy import Boolean, ColumnElement, String, delete, select, update
from sqlalchemy.orm import Mapped, mapped_column

from lab.chassis.database import Database, insert_missing
from lab.chassis.messaging import Messaging, Transaction
from lab.day6_integration.moving.record import Record


class Copied:
    """What every table of copies has. It adds what the record's items have, under the same names, and its own."""

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    doubtful: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether it is to be asked for again: somebody is changing it, or did."""


class Item(BaseModel):
    """What the record says of one."""

    id: str


V = TypeVar("V", bound=Item)
Tell = Callable[[Transaction], None]


def nobody(_: Transaction) -> None:
    """Nothing is announced."""


class Copies(Generic[V]):
    """Of `record`, in `table`, which is a Copied. `changed` is called with the id of every copy that is no longer what
    it was, after it was written."""

    def __init__(
        self,
        database: Database,
        messaging: Messaging,
        record: Record[V],
        table: type[Any],
        view: type[V],
        changed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._messaging = messaging
        self._record = record
        self._table = table
        self._view = view
        self._changed = changed

    def find(self, ident: str) -> V | None:
        """The copy, or the record where there is none that can be trusted. Raises Problem."""
        with self._database.read() as session:
            row = session.get(self._table, ident)
        return self._asked(ident) if row is None or row.doubtful else self._view.model_validate(row)

    def page(self, after: str, limit: int, *where: ColumnElement[bool]) -> list[V]:
        """Those that come after this id, in the order of ids."""
        page = select(self._table).where(self._table.id > after, *where).order_by(self._table.id).limit(limit)
        with self._database.read() as session:
            return [self._view.model_validate(row) for row in session.scalars(page)]

    def doubt(self, ident: str) -> None:
        with self._database.write() as session:
            session.execute(update(self._table).where(self._table.id == ident).values(doubtful=True))
        self._changed(ident)

    def keep(self, item: V, tell: Tell = nobody) -> None:
        """What the answer to a write says, and what there is to announce of it."""
        with self._messaging.transaction() as transaction:
            transaction.session.merge(self._table(**item.model_dump(), doubtful=False))
            transaction.session.flush()
            tell(transaction)
        self._changed(item.id)

    def drop(self, ident: str) -> None:
        with self._database.write() as session:
            session.execute(delete(self._table).where(self._table.id == ident))
        self._changed(ident)

    def renew(self, ident: str) -> None:
        """Make it what the record is. Raises Problem."""
        self.doubt(ident)
        self._asked(ident)

    def sweep(self) -> int:
        """Look through all of the record once, and make good what is missing, other or gone: how many that were. The
        first time it is the backfill, and later it finds what nobody told. Raises Problem."""
        mended, after = 0, ""
        while page := self._record.page(after):
            mended += self._mend(page, after, page[-1].id)
            after = page[-1].id
        return mended + self._mend([], after, None)

    def _mend(self, page: Sequence[V], after: str, last: str | None) -> int:
        records = {item.id: item for item in page}
        ours = select(self._table).where(self._table.id > after)
        if last is not None:
            ours = ours.where(self._table.id <= last)
        with self._database.read() as session:
            copies = {row.id: self._view.model_validate(row) for row in session.scalars(ours)}
        wrong = [ident for ident in records.keys() | copies.keys() if records.get(ident) != copies.get(ident)]
        for ident in wrong:
            self.renew(ident) if ident in copies else self._fill(records[ident])
        return len(wrong)

    def _asked(self, ident: str) -> V | None:
        item = self._record.find(ident)
        if item is None:
            self.drop(ident)
        else:
            self._fill(item)
        return item

    def _fill(self, item: V) -> None:
        values = item.model_dump()
        with self._database.write() as session:
            if insert_missing(session, self._table, **values, doubtful=False):
                return
            in_doubt = (self._table.id == item.id) & self._table.doubtful
            session.execute(update(self._table).where(in_doubt).values(**values, doubtful=False))
        self._changed(item.id)
