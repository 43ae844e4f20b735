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


def user_registered(user_id: str, email: str, name: str) -> Event:
    """Somebody has registered."""
    return Event(
        id=new_id(),
        source="/users",
        type="user.registered",
        time=datetime.now(UTC),
        correlationid=correlation_id(),
        data={"user_id": user_id, "email": email, "name": name},
    )
