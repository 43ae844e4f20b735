"""The copy of a record that is elsewhere, and how it gets right again after whatever happens.

Before a write the copy is put in doubt, after it the answer is kept. Whatever dies between the two, a copy in doubt is
asked for again by who reads it. What a reader was told fills gaps and doubts only: it may be older than what a writer
has kept meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select, update

from lab.chassis.database import Database, insert_missing
from lab.day6_integration.users.legacy import Legacy
from lab.day6_integration.users.models import User
from lab.day6_integration.users.views import UserView


class Copies:
    """Of the users in `legacy`."""

    def __init__(self, database: Database, legacy: Legacy) -> None:
        self._database = database
        self._legacy = legacy

    def find(self, user_id: str) -> UserView | None:
        """The copy, or the record where there is none that can be trusted. Raises Problem."""
        with self._database.read() as session:
            user = session.get(User, user_id)
        return self._record(user_id) if user is None or user.doubtful else UserView.model_validate(user)

    def page(self, after: str, limit: int) -> list[UserView]:
        """Those that come after this id, in the order of ids."""
        with self._database.read() as session:
            page = select(User).where(User.id > after).order_by(User.id).limit(limit)
            return [UserView.model_validate(user) for user in session.scalars(page)]

    def doubt(self, user_id: str) -> None:
        with self._database.write() as session:
            session.execute(update(User).where(User.id == user_id).values(doubtful=True))

    def keep(self, user: UserView) -> None:
        """What the answer to a write says."""
        with self._database.write() as session:
            session.merge(User(**user.model_dump(), doubtful=False))

    def drop(self, user_id: str) -> None:
        with self._database.write() as session:
            session.execute(delete(User).where(User.id == user_id))

    def renew(self, user_id: str) -> None:
        """Make it what the record is. Raises Problem."""
        self.doubt(user_id)
        self._record(user_id)

    def sweep(self) -> int:
        """Look through all of the record once, and make good what is missing, other or gone: how many users that were.
        The first time it is the backfill, and later it finds what nobody told. Raises Problem."""
        mended, after = 0, ""
        while page := self._legacy.page(after):
            mended += self._mend(page, after, page[-1].id)
            after = page[-1].id
        return mended + self._mend([], after, None)

    def _mend(self, page: Sequence[UserView], after: str, last: str | None) -> int:
        records = {user.id: user for user in page}
        ours = select(User).where(User.id > after)
        if last is not None:
            ours = ours.where(User.id <= last)
        with self._database.read() as session:
            copies = {user.id: UserView.model_validate(user) for user in session.scalars(ours)}
        wrong = [user_id for user_id in records.keys() | copies.keys() if records.get(user_id) != copies.get(user_id)]
        for user_id in wrong:
            self.renew(user_id) if user_id in copies else self._fill(records[user_id])
        return len(wrong)

    def _record(self, user_id: str) -> UserView | None:
        user = self._legacy.find(user_id)
        if user is None:
            self.drop(user_id)
        else:
            self._fill(user)
        return user

    def _fill(self, user: UserView) -> None:
        values = user.model_dump()
        with self._database.write() as session:
            if not insert_missing(session, User, **values, doubtful=False):
                in_doubt = (User.id == user.id) & User.doubtful
                session.execute(update(User).where(in_doubt).values(**values, doubtful=False))
