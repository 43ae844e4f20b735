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


def order_changed(order_id: str, status: str, version: int) -> Event:
    """An order has come into this status: `order.created`, `order.paid` …"""
    return Event(
        id=new_id(),
        source="/orders",
        type=f"order.{status}",
        time=datetime.now(UTC),
        correlationid=correlation_id(),
        data={"order_id": order_id, "status": status, "version": version},
    )
