"""Properties are read in place, agree with pamqp's, and stay to the bit when others change."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands, frame
from pamqp import header as pamqp_header

from lab.engines.amqp.core.errors import ConnectionFailure
from lab.engines.amqp.core.properties import Properties, body_size, headers_of, with_changes
from lab.engines.amqp.core.table import text

names = st.text(alphabet="abc.-_é", max_size=20)


def marshalled(**values: Any) -> bytes:
    properties = commands.Basic.Properties(**values)
    return frame.marshal(pamqp_header.ContentHeader(0, 12, properties), 1)[7:-1]


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "content_type": names,
            "headers": st.dictionaries(st.text("ab", min_size=1), st.integers(0, 99), max_size=3),
            "delivery_mode": st.sampled_from([1, 2]),
            "priority": st.integers(0, 255),
            "correlation_id": names,
            "reply_to": names,
            "expiration": st.integers(0, 10**9).map(str),
            "message_id": names,
            "message_type": names,
            "user_id": names,
            "app_id": names,
        },
    )
)
def test_properties_are_read_in_place(values: dict[str, Any]) -> None:
    header = marshalled(**values)
    properties = Properties(header)
    # pamqp leaves out what is empty.
    assert properties.persistent == (values.get("delivery_mode") == 2)
    assert properties.priority == (values.get("priority") or 0)
    for name in ("expiration", "reply_to", "user_id"):
        wanted = values.get(name)
        assert (getattr(properties, name) or b"").decode() == (wanted or "")
    assert {name: field.value for name, field in headers_of(header).items()} == (values.get("headers") or {})
    assert body_size(header) == 12
    assert with_changes(header) == header
    changed = with_changes(header, headers={"new": text("x")}, reply_to=b"there", drop_expiration=True)
    again = Properties(changed)
    assert (again.expiration, again.reply_to, again.user_id) == (None, b"there", properties.user_id)
    assert headers_of(changed) == {"new": text("x")}


@given(st.binary(min_size=14, max_size=60))
def test_no_bytes_break_the_property_reader(data: bytes) -> None:
    try:
        Properties(data)
        headers_of(data)
    except ConnectionFailure:
        pass
