"""Events as CloudEvents 1.0 in JSON: something that happened, told in the past tense."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel

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


# TODO: make the event that says that somebody has registered. Its id is new, and never changes afterwards.
