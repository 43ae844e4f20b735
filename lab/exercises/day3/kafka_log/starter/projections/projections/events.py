"""Reading events of others: take what is needed, and let them add what they like."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, ValidationError


class Unreadable(Exception):
    """A record is not an event, or not one we can use. Trying again cannot help."""


class Event(BaseModel):
    """The part of a CloudEvent that a consumer needs; whatever else is in it is ignored."""

    id: str = Field(min_length=1)
    type: str
    correlationid: str = ""
    data: dict[str, Any] = {}


class OrderChanged(BaseModel):
    order_id: str = Field(min_length=1)
    status: str
    version: int


def parse(value: bytes | None) -> Event:
    """The event in a record. Raises Unreadable."""
    try:
        return Event.model_validate_json(value or b"")
    except ValidationError as error:
        raise Unreadable(str(error)) from None


def order_changed(event: Event) -> OrderChanged:
    """What the event says. Raises Unreadable."""
    try:
        return OrderChanged.model_validate(event.data)
    except ValidationError as error:
        raise Unreadable(str(error)) from None
