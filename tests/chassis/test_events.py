from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from lab.chassis.events import Unreadable, happened, parse, payload
from lab.chassis.ids import correlated


class Registered(BaseModel):
    user_id: str


def test_an_event_is_a_cloudevent_with_the_correlation_id() -> None:
    with correlated("abc"):
        event = happened("user.registered", "users", Registered(user_id="7"))
    body = json.loads(event.to_json())
    assert {key: body[key] for key in ("specversion", "source", "type", "correlationid", "data")} == {
        "specversion": "1.0",
        "source": "/users",
        "type": "user.registered",
        "correlationid": "abc",
        "data": {"user_id": "7"},
    }
    assert body["time"].endswith("Z")
    assert parse(event.to_json().encode()) == event


def test_attributes_of_later_versions_are_no_trouble() -> None:
    event = happened("user.registered", "users", Registered(user_id="7"))
    later = json.loads(event.to_json()) | {"dataschema": "https://example.uz/v2", "partitionkey": "7"}
    later["data"]["nickname"] = "Ali"
    assert payload(Registered, parse(json.dumps(later).encode())).user_id == "7"


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00\xff garbage", b"{", b"[]", b'"text"', b'{"id": "1"}', b'{"specversion":"2.0"}', b"\xc3\x28"],
)
def test_what_is_not_an_event_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        parse(body)


def test_data_that_is_not_what_the_type_promises_is_unreadable() -> None:
    event = happened("user.registered", "users", Registered(user_id="7")).model_copy(update={"data": {"id": 7}})
    with pytest.raises(Unreadable, match="user_id"):
        payload(Registered, event)
