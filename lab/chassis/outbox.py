"""The transactional outbox: an event is written in the same transaction as the change that it tells of.

Either both are there or neither. A relay (see relay.py) announces what is pending. An event may thereby be announced
more than once, always under the same id, but never not at all.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import (
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.orm import Session

from lab.chassis.database import rows_of
from lab.chassis.events import Event

metadata = MetaData()

_outbox = Table(
    "outbox",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("event_id", String(64), nullable=False, unique=True),
    Column("entity", String(64), nullable=False),
    Column("type", String(64), nullable=False),
    Column("correlation", String(128), nullable=False),
    Column("traceparent", String(64), nullable=False, default=""),
    Column("body", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("sent", Float),
    Column("due", Float, nullable=False, default=0.0),
    Column("attempts", Integer, nullable=False, default=0),
    Index("outbox_by_entity", "entity"),
    Index("outbox_pending", "sent", "position"),
)

LEASE = 5.0
"""Seconds for which an event that was handed to the broker is left alone before it is published again."""
KEEP = 24 * 3600.0
"""Seconds for which an announced event is kept, to be announced again on request."""


@dataclass(frozen=True)
class Pending:
    """An event that is to be announced now."""

    event_id: str
    entity: str
    type: str
    correlation: str
    traceparent: str
    body: str


def add(session: Session, event: Event, *, entity: str) -> None:
    """Announce `event` if and when the transaction commits. Events of one `entity` keep their order."""
    session.execute(
        _outbox.insert().values(
            event_id=event.id,
            entity=entity,
            type=event.type,
            correlation=event.correlationid,
            traceparent=event.traceparent,
            body=event.to_json(),
            created=time.time(),
        )
    )


def announce_again(session: Session, *, event_id: str = "", entity: str = "", types: Iterable[str] = ()) -> int:
    """Have an announced event sent once more, unchanged: the one with this id, or those of these types that tell of
    this entity. Returns how many. For consumers it is a duplicate, which they must bear anyhow."""
    again = update(_outbox).where(_outbox.c.sent.is_not(None)).values(sent=None, due=0.0, attempts=0)
    if event_id:
        again = again.where(_outbox.c.event_id == event_id)
    else:
        again = again.where(_outbox.c.entity == entity, _outbox.c.type.in_(list(types)))
    return rows_of(session, again)


def claim(session: Session, limit: int) -> list[Pending]:
    """Take up to `limit` events to announce: of each entity the oldest that is pending, unless somebody has it in hand.

    Taking sets a lease, so that a second instance's relay does not publish the same events all the time, and so that
    an event whose confirm never came is due again by itself. Each attempt doubles the lease, up to a minute.
    """
    now = time.time()
    earlier = _outbox.alias("earlier")
    oldest = ~exists().where(
        earlier.c.entity == _outbox.c.entity, earlier.c.sent.is_(None), earlier.c.position < _outbox.c.position
    )
    due = (
        select(_outbox)
        .where(_outbox.c.sent.is_(None), _outbox.c.due <= now, oldest)
        .order_by(_outbox.c.position)
        .limit(limit)
        .with_for_update()
    )
    rows = session.execute(due).all()
    for row in rows:
        lease = min(60.0, LEASE * 2 ** min(row.attempts, 4))
        session.execute(
            update(_outbox).where(_outbox.c.position == row.position).values(due=now + lease, attempts=row.attempts + 1)
        )
    return [Pending(row.event_id, row.entity, row.type, row.correlation, row.traceparent, row.body) for row in rows]


def mark_sent(session: Session, event_ids: Iterable[str]) -> None:
    """The broker has confirmed these."""
    session.execute(update(_outbox).where(_outbox.c.event_id.in_(list(event_ids))).values(sent=time.time()))


def mark_failed(session: Session, event_ids: Iterable[str], retry_in: float) -> None:
    """The broker has not taken these; try again in `retry_in` seconds."""
    failed = _outbox.c.event_id.in_(list(event_ids)), _outbox.c.sent.is_(None)
    session.execute(update(_outbox).where(*failed).values(due=time.time() + retry_in))


def forget_old(session: Session) -> int:
    """Delete what was announced long ago."""
    return rows_of(session, delete(_outbox).where(_outbox.c.sent < time.time() - KEEP))


def pending(session: Session) -> int:
    """How many events wait to be announced."""
    return session.execute(select(func.count()).select_from(_outbox).where(_outbox.c.sent.is_(None))).scalar_one()
