"""Asking for a clean copy. A message that cannot be read is parked for people to look at, but the fact that it told of
is not lost: its producer still has it in the outbox. So the consumer asks for it by id, with an event of its own, and
the producer that knows the id announces it again. Nobody waits for an operator.

The question is an event like any other: it goes through the outbox, and if its own copy arrives damaged, it is asked
for in the same way. The number of questions is limited: an event that was unreadable from the start would come back
for ever.
"""

from __future__ import annotations

import logging

from pydantic import BaseModel
from sqlalchemy import Column, Integer, MetaData, String, Table, update
from sqlalchemy.orm import Session

from lab.chassis import outbox
from lab.chassis.database import insert_missing, rows_of
from lab.chassis.events import Event, happened, payload

log = logging.getLogger(__name__)

TYPE = "event.resend-requested"
MAX_QUESTIONS = 5

metadata = MetaData()

_asked = Table(
    "resend_asked",
    metadata,
    Column("event_id", String(64), primary_key=True),
    Column("times", Integer, nullable=False),
)


class ResendRequested(BaseModel):
    """`event_id` is the id of the message that could not be read, `queue` where that was."""

    event_id: str
    queue: str


def ask(session: Session, service: str, event_id: str, queue: str) -> bool:
    """Ask for a clean copy of the event. False if it was asked for too often already."""
    insert_missing(session, _asked, event_id=event_id, times=0)
    again = _asked.c.event_id == event_id, _asked.c.times < MAX_QUESTIONS
    if not rows_of(session, update(_asked).where(*again).values(times=_asked.c.times + 1)):
        return False
    question = happened(TYPE, service, ResendRequested(event_id=event_id, queue=queue))
    outbox.add(session, question, entity=f"resend {event_id}")
    return True


def answer(session: Session, event: Event) -> None:
    """Announce again what is asked for, if it is ours. Doing so twice does no harm: consumers know duplicates."""
    wanted = payload(ResendRequested, event)
    if outbox.announce_again(session, event_id=wanted.event_id):
        log.info(
            "announcing %s again: %s could not read its copy",
            wanted.event_id,
            wanted.queue,
            extra={"event": "resend", "id": wanted.event_id},
        )
