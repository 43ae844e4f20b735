"""Events as CloudEvents 1.0 in JSON: something that happened, told in the past tense."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from lab.chassis.ids import correlation_id, new_id

CONTENT_TYPE = "application/cloudevents+json"


class Event(BaseModel):
    """The envelope. `id` names this event for ever: however often it is sent, it is the same event."""

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    time: datetime
    datacontenttype: str = "application/json"
    correlationid: str
    data: dict[str, Any]


def happened(kind: str, data: dict[str, Any]) -> Event:
    """A new event of type `kind`, under the id of the request that caused it."""
    return Event(
        id=new_id(),
        source="/orders",
        type=kind,
        time=datetime.now(UTC),
        correlationid=correlation_id(),
        data=data,
    )
