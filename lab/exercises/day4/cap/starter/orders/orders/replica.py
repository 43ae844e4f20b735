"""What orders knows of users: a copy of its own."""

from __future__ import annotations

from pydantic import BaseModel, Field

from lab.chassis.database import Database
from orders.events import Event, payload
from orders.models import KnownUser


class UserChanged(BaseModel):
    """Data of `user.registered` and `user.updated`: the whole user, as of this version."""

    user_id: str = Field(min_length=1)
    name: str
    balance: int
    version: int


class Replica:
    """Follows users by their events; the consumer acknowledges after `handle` has returned."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def handle(self, event: Event) -> None:
        user = payload(UserChanged, event)
        # TODO: what comes last is not always what happened last.
        with self._database.write() as session:
            session.merge(KnownUser(id=user.user_id, name=user.name, balance=user.balance))

    def find(self, user_id: str) -> KnownUser | None:
        with self._database.read() as session:
            return session.get(KnownUser, user_id)
