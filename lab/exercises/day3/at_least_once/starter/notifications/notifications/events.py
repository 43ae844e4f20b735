"""Reading events of others: take what is needed, and let them add what they like."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, ValidationError


class Unreadable(Exception):
    """A message is not an event, or not one we can use. Trying again cannot help."""


class Event(BaseModel):
    """The part of a CloudEvent that a consumer needs; whatever else is in it is ignored."""

    id: str = Field(min_length=1)
    type: str
    correlationid: str = ""
    data: dict[str, Any] = {}


class OrderCreated(BaseModel):
    order_id: str = Field(min_length=1)
    user_id: str = Field(min_length=1)


def parse(body: bytes) -> Event:
    """The event in a message's body. Raises Unreadable."""
    try:
        return Event.model_validate_json(body)
    except ValidationError as error:
        raise Unreadable(str(error)) from None


def order_created(event: Event) -> OrderCreated:
    """What the event says. Raises Unreadable."""
    try:
        return OrderCreated.model_validate(event.data)
    except ValidationError as error:
        raise Unreadable(str(error)) from None
