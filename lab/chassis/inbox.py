"""The inbox: which events a consumer has dealt with, written in the same transaction as what it did about them.

`first_time` and the effect commit together or not at all; that is the whole trick. Looking first and writing later
(`if not seen: ...`) lets two consumers both see nothing and both act.
"""

from __future__ import annotations

import time

from sqlalchemy import Column, Float, MetaData, String, Table
from sqlalchemy.orm import Session

from lab.chassis.database import insert_missing

metadata = MetaData()

_inbox = Table(
    "inbox",
    metadata,
    Column("consumer", String(64), primary_key=True),
    Column("event_id", String(64), primary_key=True),
    Column("handled", Float, nullable=False),
)


def first_time(session: Session, consumer: str, event_id: str) -> bool:
    """Whether `consumer` meets this event for the first time; from the commit on it no longer does."""
    return insert_missing(session, _inbox, consumer=consumer, event_id=event_id, handled=time.time())
