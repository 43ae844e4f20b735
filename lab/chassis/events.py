"""Events as CloudEvents 1.0 in JSON: something that happened, told in the past tense."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from lab.chassis.ids import correlation_id, new_id, traceparent

D = TypeVar("D", bound=BaseModel)

CONTENT_TYPE = "application/cloudevents+json"


class Unreadable(Exception):
    """A message is not an event that we can understand. Trying again cannot help."""


class Event(BaseModel):
    """The envelope. `id` stays the same however often the event is sent: it is what consumers know duplicates by.

    Unknown attributes are ignored, so that a producer may add some without breaking anybody.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(min_length=1)
    source: str = Field(min_length=1)
    type: str = Field(min_length=1)
    time: AwareDatetime
    datacontenttype: str = "application/json"
    correlationid: str = ""
    traceparent: str = ""
    """Of the work in which it happened, if that belongs to a trace."""
    data: dict[str, Any]

    def to_json(self) -> str:
        return self.model_dump_json(exclude=None if self.traceparent else {"traceparent"})


def happened(kind: str, source: str, data: BaseModel) -> Event:
    """A new event of type `kind` that `source` tells of, under the id of the work under way."""
    return Event(
        id=new_id(),
        source=f"/{source}",
        type=kind,
        time=datetime.now(UTC),
        correlationid=correlation_id(),
        traceparent=traceparent(),
        data=data.model_dump(mode="json"),
    )


def parse(body: bytes) -> Event:
    """The event in a message's body. Raises Unreadable."""
    try:
        return Event.model_validate_json(body)
    except ValidationError as error:
        raise Unreadable(_first(error)) from None


def payload(kind: type[D], event: Event) -> D:
    """The event's data as `kind`. Raises Unreadable."""
    try:
        return kind.model_validate(event.data)
    except ValidationError as error:
        raise Unreadable(_first(error)) from None


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]
