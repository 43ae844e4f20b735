"""The broker's codec: any split gives the same frames, every method agrees with pamqp's, properties stay to the bit."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands, frame
from pamqp import header as pamqp_header

from lab.engines.amqp import frames, methods
from lab.engines.amqp.errors import ConnectionFailure
from lab.engines.amqp.properties import Properties, body_size, headers_of, with_changes
from lab.engines.amqp.table import BadTable, Field, Table, decode_table, encode_table, text

names = st.text(alphabet="abc.-_é", max_size=20)
fields: st.SearchStrategy[Field] = st.recursive(
    st.one_of(
        st.builds(Field, st.just("t"), st.booleans()),
        st.builds(Field, st.just("b"), st.integers(-128, 127)),
        st.builds(Field, st.just("B"), st.integers(0, 255)),
        st.builds(Field, st.just("s"), st.integers(-(2**15), 2**15 - 1)),
        st.builds(Field, st.just("u"), st.integers(0, 2**16 - 1)),
        st.builds(Field, st.just("I"), st.integers(-(2**31), 2**31 - 1)),
        st.builds(Field, st.just("i"), st.integers(0, 2**32 - 1)),
        st.builds(Field, st.just("l"), st.integers(-(2**63), 2**63 - 1)),
        st.builds(Field, st.just("T"), st.integers(0, 2**63)),
        st.builds(Field, st.just("d"), st.floats(allow_nan=False)),
        st.builds(Field, st.just("D"), st.tuples(st.integers(0, 255), st.integers(0, 2**32 - 1))),
        st.builds(Field, st.sampled_from("Sx"), st.binary(max_size=40)),
        st.just(Field("V", None)),
    ),
    lambda inner: st.one_of(
        st.builds(Field, st.just("A"), st.lists(inner, max_size=4)),
        st.builds(Field, st.just("F"), st.dictionaries(names, inner, max_size=4)),
    ),
    max_leaves=12,
)
tables: st.SearchStrategy[Table] = st.dictionaries(names, fields, max_size=5)


@given(tables)
def test_tables_survive(table: Table) -> None:
    encoded = encode_table(table)
    assert decode_table(encoded) == (table, len(encoded))


@given(st.binary(max_size=60))
def test_no_bytes_break_the_table_reader(data: bytes) -> None:
    try:
        decode_table(data)
    except BadTable:
        pass


METHODS: list[Any] = [
    (
        methods.QueueDeclare(0, "q", True, False, True, False, True, {}),
        commands.Queue.Declare(0, "q", True, False, True, False, True),
    ),
    (
        methods.QueueBind(0, "q", "x", "k", True, {"a": text("b")}),
        commands.Queue.Bind(0, "q", "x", "k", True, {"a": "b"}),
    ),
    (
        methods.ExchangeDeclare(0, "x", "topic", False, True, False, True, False, {}),
        commands.Exchange.Declare(0, "x", "topic", False, True, False, True, False),
    ),
    (methods.BasicQos(0, 7, True), commands.Basic.Qos(0, 7, True)),
    (
        methods.BasicConsume(0, "q", "tag", False, True, False, True, {}),
        commands.Basic.Consume(0, "q", "tag", False, True, False, True),
    ),
    (methods.BasicNack(9, True, False), commands.Basic.Nack(9, True, False)),
    (methods.BasicDeliver("tag", 2**40, True, "x", "k"), commands.Basic.Deliver("tag", 2**40, True, "x", "k")),
    (methods.BasicGetOk(3, True, "x", "k", 5), commands.Basic.GetOk(3, True, "x", "k", 5)),
    (methods.ConnectionTune(2047, 131072, 60), commands.Connection.Tune(2047, 131072, 60)),
    (methods.ConnectionClose(320, "why", 10, 20), commands.Connection.Close(320, "why", 10, 20)),
    (methods.ConfirmSelect(True), commands.Confirm.Select(True)),
    (methods.TxCommitOk(), commands.Tx.CommitOk()),
]


@pytest.mark.parametrize(("ours", "theirs"), METHODS, ids=[type(pair[0]).__name__ for pair in METHODS])
def test_methods_agree_with_pamqp(ours: Any, theirs: Any) -> None:
    wire = frame.marshal(theirs, 3)
    assert frames.method_frame(3, ours) == wire
    assert methods.decode(wire[7:-1]) == ours


def test_every_method_that_pamqp_knows_is_known() -> None:
    for index, theirs in commands.INDEX_MAPPING.items():
        known = {type(read(struct.pack(">I", index) + b"\0" * size)).__name__ for size in range(40)}
        assert known == {"NoneType", theirs().name.replace(".", "")}, "only one size fits its fields"


def read(payload: bytes) -> Any:
    try:
        return methods.decode(payload)
    except methods.BadMethod:
        return None


@given(st.binary(max_size=50))
def test_no_bytes_break_the_method_reader(data: bytes) -> None:
    try:
        methods.decode(data)
    except (methods.BadMethod, methods.UnknownMethod):
        pass


@given(
    st.lists(
        st.sampled_from([(1, 4, 30), (2, 14, 30), (3, 0, 30), (8, 0, 0)]).flatmap(
            lambda kind: st.tuples(
                st.just(kind[0]), st.integers(0, 2047), st.binary(min_size=kind[1], max_size=kind[2])
            )
        ),
        max_size=8,
    ),
    st.data(),
)
def test_any_split_gives_the_same_frames(sent: list[frames.Frame], data: st.DataObject) -> None:
    stream = b"".join(struct.pack(">BHI", kind, channel, len(body)) + body + b"\xce" for kind, channel, body in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    reader = frames.FrameReader(4096)
    got: list[frames.Frame] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += reader.feed(stream[start:end])
    assert got == sent
    assert reader.failure is None


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_garbage_ends_in_a_frame_error_or_in_waiting(pieces: list[bytes]) -> None:
    reader = frames.FrameReader(4096)
    for piece in pieces:
        for kind, _, body in reader.feed(piece):
            assert kind in (1, 2, 3, 8)
            assert len(body) <= 4096
    assert reader.failure is None or reader.failure.code == 501


@pytest.mark.parametrize("size", [0, 1, 4088, 4089, 10_000])
def test_content_is_cut_at_frame_max(size: int) -> None:
    header = pamqp_header.ContentHeader(0, size)
    wire = frames.content(5, b"", frame.marshal(header, 5)[7:-1], b"x" * size, 4096)
    got = frames.FrameReader(4096).feed(wire)
    assert [kind for kind, _, _ in got] == [2] + [3] * -(-size // 4088)
    assert all(len(body) <= 4088 for _, _, body in got)
    assert b"".join(body for kind, _, body in got if kind == 3) == b"x" * size


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
