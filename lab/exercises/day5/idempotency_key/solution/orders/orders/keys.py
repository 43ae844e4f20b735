"""The memory of keys: what was asked under each, and what was answered.

It would be right without the lease, too: the order's id is drawn once and is the provider's key, so two who work on one
request make one charge, and the first answer that is written is the answer. The lease only saves them the double work.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from sqlalchemy import delete
from sqlalchemy.orm import Session

from lab.chassis.database import Database, insert_missing
from lab.chassis.ids import new_id
from lab.chassis.problems import Problem
from orders.models import Key, Order


@dataclass(frozen=True)
class Answer:
    """As it goes out, to the byte."""

    status: int
    body: str


@dataclass(frozen=True)
class Turn:
    """It is ours to do the work, about this order."""

    user_id: str
    key: str
    order_id: str


class Keys:
    def __init__(self, database: Database, ttl: float, lease: float) -> None:
        self._database = database
        self._ttl = ttl
        self._lease = lease

    def begin(self, user_id: str, key: str, content: str) -> Turn | Answer:
        """The answer, if there is one, or our turn to find it. Raises Problem: the key belongs to other content (422),
        or somebody else is at it (409)."""
        now = time.time()  # not monotonic: the other instance and the next process read it, too
        fingerprint = hashlib.sha256(content.encode()).hexdigest()
        with self._database.write() as session:
            session.execute(delete(Key).where(Key.expires < now, Key.leased_until < now))
            insert_missing(
                session,
                Key,
                user_id=user_id,
                key=key,
                fingerprint=fingerprint,
                order_id=new_id(),
                leased_until=0.0,
                expires=now + self._ttl,
                body="",
            )
            found = _locked(session, user_id, key)
            if found.fingerprint != fingerprint:
                raise Problem(422, "idempotency_key_reused", "This Idempotency-Key belongs to another request.")
            if found.status is not None:
                return Answer(found.status, found.body)
            if found.leased_until > now:
                raise Problem(409, "request_in_progress", "Somebody works on it.", headers={"Retry-After": "1"})
            found.leased_until = now + self._lease
            return Turn(user_id, key, found.order_id)

    def finish(self, turn: Turn, answer: Answer, order: Order | None = None) -> Answer:
        """Write order and answer together. Whoever was faster has the last word."""
        with self._database.write() as session:
            found = _locked(session, turn.user_id, turn.key)
            if found.status is not None:
                return Answer(found.status, found.body)
            found.status, found.body = answer.status, answer.body
            found.expires = time.time() + self._ttl
            if order is not None:
                session.add(order)
            return answer

    def give_up(self, turn: Turn) -> None:
        """Nobody knows what came of it: whoever asks next goes on at once, with the same order."""
        with self._database.write() as session:
            _locked(session, turn.user_id, turn.key).leased_until = 0.0


def _locked(session: Session, user_id: str, key: str) -> Key:
    return session.get_one(Key, (user_id, key), with_for_update=True)
