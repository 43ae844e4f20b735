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


def order_created(order_id: str, user_id: str, amount: int) -> Event:
    """Somebody has ordered."""
    return Event(
        id=new_id(),
        source="/orders",
        type="order.created",
        time=datetime.now(UTC),
        correlationid=correlation_id(),
        data={"order_id": order_id, "user_id": user_id, "amount": amount},
    )
