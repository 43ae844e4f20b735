"""What orders knows of users: a copy of its own, which knows how old it is."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from lab.chassis.database import Database
from orders.events import Event, payload
from orders.models import Horizon, KnownUser

_THE_ONE = 1
_CHANGES = ("user.registered", "user.updated")


class UserChanged(BaseModel):
    """Data of `user.registered` and `user.updated`: the whole user, as of this version."""

    user_id: str = Field(min_length=1)
    name: str
    balance: int
    version: int


class Replica:
    """Follows users by their events; the consumer acknowledges after `handle` has returned.

    Every event moves the horizon, the heartbeat too: users tells everything in order, so what happened before it has
    been heard. It counts when that was sent, not when it came: a slow network makes old what it carries.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def handle(self, event: Event) -> None:
        changed = payload(UserChanged, event) if event.type in _CHANGES else None
        with self._database.write() as session:
            if changed is not None:
                _keep_the_newer(session, changed)
            _look_further(session, event.time)

    def find(self, user_id: str) -> tuple[KnownUser | None, datetime | None]:
        """The user, if we have heard of them, and until when we have heard everything."""
        with self._database.read() as session:
            horizon = session.get(Horizon, _THE_ONE)
            return session.get(KnownUser, user_id), datetime.fromisoformat(horizon.as_of) if horizon else None


def _keep_the_newer(session: Session, changed: UserChanged) -> None:
    """What comes last is not always what happened last: an event may come again, or overtake another."""
    known = session.get(KnownUser, changed.user_id)
    if known is None or known.version < changed.version:
        session.merge(
            KnownUser(id=changed.user_id, name=changed.name, balance=changed.balance, version=changed.version)
        )


def _look_further(session: Session, heard: datetime) -> None:
    as_of = heard.astimezone(UTC).isoformat(timespec="microseconds")
    horizon = session.get(Horizon, _THE_ONE)
    if horizon is None:
        session.add(Horizon(id=_THE_ONE, as_of=as_of))
    elif horizon.as_of < as_of:
        horizon.as_of = as_of
