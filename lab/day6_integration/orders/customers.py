"""Who may order: users knows. Where users is silent the monolith's foreign key decides, as it did before: orders goes
on without users as long as the record is there, and asks nevertheless, for one day it will not be."""

from __future__ import annotations

import logging

from lab.chassis.problems import Problem
from lab.day6_integration.calls import metrics
from lab.day6_integration.calls.protected import Unavailable
from lab.day6_integration.orders.directory import Directory

log = logging.getLogger(__name__)


def need(users: Directory, user_id: str) -> None:
    """Go on unless users says that there is no such user. Raises Problem."""
    try:
        known = users.knows(user_id)
    except Unavailable:
        metrics.FALLBACKS.labels("users").inc()
        fields = {"event": "fallback", "neighbour": "users"}
        log.warning("users is silent: whether there is a user %s is left to the monolith", user_id, extra=fields)
    else:
        if not known:
            raise Problem(422, "unknown_user", f"There is no user {user_id} that may order.")
