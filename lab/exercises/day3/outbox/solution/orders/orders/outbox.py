"""The outbox: what happened and that it is to be told commit together, so they cannot disagree."""

from __future__ import annotations

import time

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from orders.events import Event
from orders.models import Baton, Outgoing

_BATCH = 50
_HOLD = 2.0
"""Seconds after which somebody else may relay, if whoever has the baton is not heard of again."""


def add(session: Session, event: Event) -> None:
    """Have `event` announced if, and only if, this transaction commits."""
    session.add(Outgoing(event_id=event.id, body=event.model_dump_json()))


def pending(session: Session) -> int:
    """How many events wait to be announced."""
    return session.scalar(select(func.count()).select_from(Outgoing)) or 0


def next_batch(session: Session, holder: str) -> list[Event]:
    """What to announce now, the oldest first; nothing while another instance has the baton."""
    if not _take_baton(session, holder):
        return []
    oldest = select(Outgoing.body).order_by(Outgoing.position).limit(_BATCH)
    return [Event.model_validate_json(body) for body in session.scalars(oldest)]


def forget(session: Session, event: Event) -> None:
    """The broker has it."""
    session.execute(delete(Outgoing).where(Outgoing.event_id == event.id))


def _take_baton(session: Session, holder: str) -> bool:
    now = time.time()
    baton = session.get(Baton, 1, with_for_update=True)
    if baton is None:
        session.add(Baton(id=1, holder=holder, until=now + _HOLD))
        return True
    if baton.holder != holder and baton.until > now:
        return False
    baton.holder, baton.until = holder, now + _HOLD
    return True
