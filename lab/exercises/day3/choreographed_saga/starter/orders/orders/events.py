"""Events as CloudEvents 1.0 in JSON: written by one service, read by others, who take what they need of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from lab.chassis.ids import correlation_id, new_id

CONTENT_TYPE = "application/cloudevents+json"
Data = TypeVar("Data", bound=BaseModel)


class Unreadable(Exception):
    """A message is not an event, or not one we can use. Trying again cannot help."""


class Event(BaseModel):
    """The envelope. `id` names this event for ever: however often it is sent, it is the same event. `correlationid` is
    the id of the request with which everything began."""

    specversion: str = "1.0"
    id: str = Field(min_length=1)
    source: str = ""
    type: str
    time: datetime = Field(default_factory=lambda: datetime.now(UTC))
    datacontenttype: str = "application/json"
    correlationid: str = ""
    data: dict[str, Any] = {}


def happened(kind: str, source: str, data: dict[str, Any]) -> Event:
    """A new event of type `kind`, under the id of the request or the event that caused it."""
    return Event(id=new_id(), source=source, type=kind, correlationid=correlation_id(), data=data)


def parse(body: bytes) -> Event:
    """The event in a message's body. Raises Unreadable."""
    try:
        return Event.model_validate_json(body)
    except ValidationError as error:
        raise Unreadable(str(error)) from None


def payload(kind: type[Data], event: Event) -> Data:
    """What the event says, as far as we need it. Raises Unreadable."""
    try:
        return kind.model_validate(event.data)
    except ValidationError as error:
        raise Unreadable(str(error)) from None
