"""Messages and events, as checks write and read them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

EXCHANGE = "shop.events"
CLOUD_EVENT = "application/cloudevents+json"
PERSISTENT = 2


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as it was in a queue. `at` is time.monotonic() when it was taken out."""

    body: bytes
    routing_key: str
    exchange: str = ""
    message_id: str = ""
    correlation_id: str = ""
    content_type: str = ""
    persistent: bool = False
    redelivered: bool = False
    headers: Mapping[str, Any] = field(default_factory=dict)
    at: float = 0.0

    @property
    def json(self) -> Any:
        """The body as JSON, None if it is not."""
        try:
            return msgspec.json.decode(self.body)
        except (ValueError, RecursionError):
            return None


def event(type: str, data: Mapping[str, Any], **over: Any) -> dict[str, Any]:
    """A CloudEvent 1.0 that just happened. `over` replaces attributes or adds some; one that is None is left out."""
    made = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": f"/{type.partition('.')[0]}s",
        "type": type,
        "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "correlationid": str(uuid.uuid4()),
        "data": dict(data),
    }
    return {name: value for name, value in (made | over).items() if value is not None}
