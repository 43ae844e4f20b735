"""Who may order. Users knows; where users is silent, what orders has heard of them is good enough, and where it has
heard nothing the monolith's foreign key decides."""

from __future__ import annotations

import logging

from lab.chassis.database import Database, insert_missing
from lab.chassis.problems import Problem
from lab.day6_integration.calls import metrics
from lab.day6_integration.calls.protected import Unavailable
from lab.day6_integration.orders.directory import Directory
from lab.day6_integration.orders.models import Customer

log = logging.getLogger(__name__)


class Customers:
    def __init__(self, database: Database, users: Directory) -> None:
        self._database = database
        self._users = users

    def need(self, user_id: str) -> None:
        """Go on unless it is certain that there is no such user. Raises Problem."""
        try:
            known = self._users.knows(user_id)
        except Unavailable:
            metrics.FALLBACKS.labels("users").inc()
            by = "memory" if self._known(user_id) else "record"
            log.warning("who is %s? Not asked: %s", user_id, by, extra={"event": "fallback", "neighbour": "users"})
            return
        if not known:
            raise Problem(422, "unknown_user", f"There is no user {user_id} that may order.")
        self.remember(user_id)

    def remember(self, user_id: str) -> None:
        if not self._known(user_id):
            with self._database.write() as session:
                insert_missing(session, Customer, id=user_id)

    def _known(self, user_id: str) -> bool:
        with self._database.read() as session:
            return session.get(Customer, user_id) is not None
