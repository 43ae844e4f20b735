"""The protocol's codec: any split gives the same frames, every method agrees with pamqp's."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands, frame
from pamqp import header as pamqp_header

from lab.engines.amqp.core.table import text
from lab.engines.amqp.protocol import frames, methods

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
