"""A record as a message: what AMQP has properties for stands in headers here."""

from __future__ import annotations

from confluent_kafka import Message as Fetched

from lab.chassis.broker import Message, Outgoing
from lab.chassis.events import CONTENT_TYPE

_ID, _CORRELATION, _TYPE = "ce_id", "ce_correlationid", "ce_type"


def headers(message: Outgoing) -> dict[str, str | bytes | None]:
    """The headers of a record for `message`; numbers in its own come back as such."""
    attributes = {
        "content-type": CONTENT_TYPE,
        _ID: message.message_id,
        _CORRELATION: message.correlation_id,
        _TYPE: message.routing_key if message.exchange else "",
    }
    said = {name: str(value) for name, value in message.headers.items()}
    return {name: value for name, value in {**attributes, **said}.items() if value}


def message(fetched: Fetched) -> Message:
    said = {str(header[0]): _value(header[1]) for header in fetched.headers() or []}
    return Message(
        body=_bytes(fetched.value()),
        message_id=str(said.pop(_ID, "")),
        correlation_id=str(said.pop(_CORRELATION, "")),
        headers=said,
        key=_bytes(fetched.key()).decode("utf-8", "replace"),
    )


def _value(value: str | bytes | None) -> str | int:
    text = _bytes(value).decode("utf-8", "replace")
    return int(text) if text.isdecimal() else text


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
