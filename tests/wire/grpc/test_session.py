"""What is read of gRPC's bytes, whatever pieces they come in, and that no byte is lost."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.faults.catalogue import KINDS, fits
from lab.journal.event import Flow
from lab.wire.grpc import frames
from lab.wire.grpc.fields import written
from lab.wire.grpc.session import GrpcSession
from lab.wire.session import Seen, Undecodable
from tests.wire.grpc.ends import Caller, Server, message
from tests.wire.playbook import C, Dialogue, S, Said, check_garbage, garbage, observed, seen, splits, striking
from tests.wire.talk import Talk

GREETING = frames.PREFACE + frames.settings({})
ASKING = [(b":method", b"POST"), (b":path", b"/shop.v1.Users/Get"), (b"content-type", b"application/grpc")]
ANSWER = [(b":status", b"200"), (b"content-type", b"application/grpc")]


def fields(stream: int, said: Sequence[tuple[bytes, bytes]], *, ends: bool = False) -> bytes:
    return frames.block(frames.HEADERS, frames.END_STREAM if ends else 0, stream, b"", written(list(said)))


def asks(*more: tuple[bytes, bytes], stream: int = 1, body: bytes = b"hello") -> bytes:
    return fields(stream, [*ASKING, *more]) + frames.data(stream, message(body))


def begun(*more: tuple[bytes, bytes]) -> list[Said]:
    """A connection with one call that is not answered yet."""
    return [(C, GREETING), (S, frames.settings({})), (C, asks(*more))]


def recorded() -> list[Said]:
    """A conversation of some calls, as h2 writes it."""
    caller, server = Caller(), Server()
    said: list[Said] = []

    def run() -> None:
        while data := caller.out:
            said.append((C, data))
            if answer := server.answers(data):
                said.append((S, answer))
                caller.hears_all(answer)

    run()
    caller.calls("/shop.Users/Get", x_request_id="r-1")
    run()
    caller.calls("/shop.Users/Create", b"x" * 40_000, x_request_id="r-2", grpc_timeout="1500m")
    given_up = caller.calls("/shop.Users/Get")
    caller.gives_up(given_up)
    caller.calls("/shop.Users/Get")
    run()
    return said


RECORDED = recorded()


def test_what_is_seen_of_a_conversation() -> None:
    flows = observed(GrpcSession(), RECORDED)
    assert [(flow.op, flow.status, flow.outcome, flow.correlation, flow.deadline) for flow in flows] == [
        ("Users/Get", "OK", "ok", "r-1", None),
        ("Users/Get", "CANCELLED", "lost", "", None),
        ("Users/Create", "OK", "ok", "r-2", 1500.0),
        ("Users/Get", "OK", "ok", "", None),
    ]
    assert {(flow.role, flow.detail) for flow in flows} == {("call", "shop")}


@given(splits(RECORDED))
def test_any_split_gives_the_same_flows(pieces: list[Said]) -> None:
    assert seen(observed(GrpcSession(), pieces)) == seen(observed(GrpcSession(), RECORDED))


@given(splits(RECORDED))
def test_intercepting_without_a_fault_changes_nothing(pieces: list[Said]) -> None:
    dialogue = Dialogue(GrpcSession())
    for side, data in pieces:
        dialogue.says(side, data)
    assert seen(dialogue.flows) == seen(observed(GrpcSession(), RECORDED))
    for side in (C, S):
        assert dialogue.to[side.other] == b"".join(data for who, data in RECORDED if who is side)
    assert not dialogue.session.held()


@given(splits(RECORDED), st.integers(0, 20), st.sets(st.integers(0, 20)))
def test_looking_and_intercepting_in_turns(pieces: list[Said], first: int, releases: set[int]) -> None:
    """A fault that hits nothing begins and ends: every byte goes on once."""
    session = GrpcSession()
    dialogue = Dialogue(session)
    flows: list[Flow] = []
    intercepting = False
    for number, (side, data) in enumerate(pieces):
        intercepting = intercepting or number % (first + 1) == first
        if intercepting:
            dialogue.says(side, data)
            if number in releases:
                dialogue.apply(session.release())
            intercepting = session.held()
        else:
            flows += session.observe(side, data, float(number))
            dialogue.to[side.other] += data
    dialogue.apply(session.release())
    for side in (C, S):
        assert dialogue.to[side.other] == b"".join(data for who, data in RECORDED if who is side)
    assert len(flows) + len(dialogue.flows) == len(observed(GrpcSession(), RECORDED))


@given(garbage)
def test_garbage_passes(pieces: list[Said]) -> None:
    check_garbage(GrpcSession, pieces)


@given(st.integers(0, len(RECORDED)), garbage)
def test_garbage_after_a_good_beginning_passes(good: int, pieces: list[Said]) -> None:
    check_garbage(GrpcSession, [*RECORDED[:good], *pieces])


@given(st.integers(0, len(RECORDED) - 1), st.data())
def test_a_conversation_with_one_byte_changed_passes(turn: int, data: st.DataObject) -> None:
    side, said = RECORDED[turn]
    at = data.draw(st.integers(0, min(len(said), 400) - 1))
    changed = said[:at] + bytes([data.draw(st.integers(0, 255))]) + said[at + 1 :]
    check_garbage(GrpcSession, [*RECORDED[:turn], (side, changed), *RECORDED[turn + 1 :]])


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([(C, b"GET / HTTP/1.1\r\n\r\n")], "this is HTTP/1.1"),
        ([(C, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")], "this is TLS"),
        ([(C, GREETING), (S, b"HTTP/1.1 400 Bad Request\r\n\r\n")], "this is HTTP/1.1"),
        ([(C, frames.PREFACE + frames.frame(frames.PING, 0, 0, b"8" * 8))], "no SETTINGS at the beginning"),
        ([(C, GREETING + struct.pack(">HBBBI", 1 << 8, 0, 0, 0, 1))], "which nobody allowed"),
        ([(C, GREETING + frames.frame(frames.HEADERS, 0, 1) + frames.frame(frames.PING, 0, 0, b"8" * 8))], "interrupt"),
        ([(C, GREETING + frames.frame(frames.HEADERS, 4, 1, b"\xff\xff\xff"))], "cannot be read"),
        ([(C, GREETING + frames.block(frames.HEADERS, 0, 1, b"", b"\0" * 1_100_000))], "more than 1 MB"),
    ],
)
def test_what_is_no_grpc_is_said(said: list[Said], reason: str) -> None:
    with pytest.raises(Undecodable, match=reason):
        observed(GrpcSession(), said)
    dialogue = Dialogue(GrpcSession())
    for side, data in said:
        dialogue.says(side, data)
    assert reason in dialogue.gave_up
    for side in (C, S):
        assert dialogue.to[side.other] == b"".join(data for who, data in said if who is side)


def test_a_frame_may_be_as_large_as_the_other_side_allows() -> None:
    session = GrpcSession()
    body = message(b"x" * 50_000)
    large = frames.frame(frames.DATA, frames.END_STREAM, 1, body)
    allowed = frames.settings({frames.MAX_FRAME_SIZE: 100_000})
    observed(session, [(C, GREETING), (S, allowed), (C, fields(1, ASKING) + large)])
    [flow] = observed(session, [(S, fields(1, [*ANSWER, (b"grpc-status", b"0")], ends=True))])
    assert (flow.status, flow.sent) == ("OK", 1)


def test_padding_and_priority_and_more_frames_are_read() -> None:
    block = written(ASKING)
    head = b"\x03" + b"\0\0\0\0\x10" + block[:10] + b"\0" * 3
    opening = frames.frame(frames.HEADERS, 0x08 | 0x20, 1, head)
    opening += frames.frame(frames.CONTINUATION, 0, 1, block[10:20])
    opening += frames.frame(frames.CONTINUATION, frames.END_HEADERS, 1, block[20:])
    body = frames.frame(frames.DATA, 0x08 | frames.END_STREAM, 1, b"\x02" + message(b"hello") + b"\0\0")
    said = [(C, GREETING), (S, frames.settings({})), (C, opening + body)]
    [flow] = observed(GrpcSession(), [*said, (S, fields(1, [*ANSWER, (b"grpc-status", b"5")], ends=True))])
    assert (flow.op, flow.status, flow.sent, flow.received) == ("Users/Get", "NOT_FOUND", 1, 0)


@pytest.mark.parametrize(
    ("answer", "status", "outcome", "detail"),
    [
        (fields(1, [*ANSWER, (b"grpc-status", b"14")], ends=True), "UNAVAILABLE", "error", "shop.v1"),
        (fields(1, [*ANSWER, (b"grpc-status", b"99")], ends=True), "UNKNOWN", "error", "shop.v1"),
        (fields(1, [(b":status", b"503")], ends=True), "UNAVAILABLE", "error", "HTTP 503 shop.v1"),
        (fields(1, ANSWER) + frames.data(1, message(b"x")), "UNKNOWN", "error", "HTTP 200 shop.v1"),
        (frames.rst_stream(1, 7), "UNAVAILABLE", "error", "REFUSED_STREAM shop.v1"),
        (fields(1, ANSWER) + frames.rst_stream(1, 2), "INTERNAL", "error", "INTERNAL_ERROR shop.v1"),
    ],
)
def test_how_a_call_may_end(answer: bytes, status: str, outcome: str, detail: str) -> None:
    [flow] = observed(GrpcSession(), [*begun(), (S, answer)])
    assert (flow.status, flow.outcome, flow.detail) == (status, outcome, detail)


@pytest.mark.parametrize(
    ("timeout", "milliseconds"),
    [(b"2S", 2000.0), (b"150m", 150.0), (b"1H", 3_600_000.0), (b"500u", 0.5), (b"soon", None), (b"123456789S", None)],
)
def test_the_deadline_that_is_left(timeout: bytes, milliseconds: float | None) -> None:
    said = begun((b"grpc-timeout", timeout))
    [flow] = observed(GrpcSession(), [*said, (S, fields(1, [*ANSWER, (b"grpc-status", b"0")], ends=True))])
    assert flow.deadline == milliseconds


def test_other_http_2_is_called_as_http_is() -> None:
    asking = fields(1, [(b":method", b"GET"), (b":path", b"/healthz?token=abc&n=1")], ends=True)
    said = [(C, GREETING), (S, frames.settings({})), (C, asking), (S, fields(1, [(b":status", b"404")], ends=True))]
    [flow] = observed(GrpcSession(), said)
    assert (flow.op, flow.status, flow.outcome, flow.sent) == ("GET /healthz", "404", "ok", 0)
    assert "abc" not in flow.detail


def test_what_is_without_an_answer_when_the_connection_ends() -> None:
    session = GrpcSession()
    observed(session, begun((b"x-request-id", b"r-1")))
    [flow] = session.closed(S, 9.0)
    assert (flow.op, flow.status, flow.outcome, flow.correlation) == ("Users/Get", "closed", "lost", "r-1")
    assert "the provider closed before its answer" in flow.detail
    assert session.closed(C, 10.0) == ()


def test_calls_that_come_late_have_the_number_that_the_provider_expects() -> None:
    dialogue = Dialogue(GrpcSession(), striking('grpc-status on "Users/Create"'))
    create = [(b":method", b"POST"), (b":path", b"/Users/Create"), (b"content-type", b"application/grpc")]
    dialogue.says(C, GREETING).says(S, frames.settings({}))
    dialogue.says(C, fields(1, create, ends=True)).says(C, asks(stream=3))
    assert dialogue.to[C].endswith(b"injected by the lab")
    [refused] = dialogue.flows
    assert (refused.op, refused.status, refused.faults) == ("Users/Create", "UNAVAILABLE", ("f1",))
    passed = dialogue.to[S].removeprefix(GREETING)
    assert list(hpack.Decoder().decode(passed[9 : 9 + int.from_bytes(passed[:3])], raw=True)) == ASKING
    assert int.from_bytes(passed[5:9]) == 3


def test_a_goaway_counts_as_the_client_counts() -> None:
    """Call 1 is held, so that call 3 came first; then the provider takes no more than that."""
    talk = Talk(GrpcSession())
    talk.fault('blackhole x1 on "Users/Get"')
    talk.says(C, GREETING).says(S, frames.settings({}))
    talk.says(C, asks(stream=1)).says(C, asks(stream=3)).says(C, asks(stream=5))
    before = len(talk.got(C))
    talk.says(S, frames.frame(frames.GOAWAY, 0, 0, struct.pack(">II", 3, 0)))
    heard = talk.got(C)[before:]
    assert frames.rst_stream(1, 7) in heard
    assert frames.rst_stream(5, 7) in heard
    assert heard.endswith(frames.frame(frames.GOAWAY, 0, 0, struct.pack(">II", 3, 0)))
    talk.heal()
    assert [(flow.op, flow.status) for flow in talk.flows] == [
        ("Users/Get", "UNAVAILABLE"),
        ("Users/Get", "UNAVAILABLE"),
        ("goaway", "NO_ERROR"),
    ]


def test_an_answer_that_is_half_lost_ends_its_call_on_both_sides() -> None:
    """The fault heals while the provider is in the middle of its answer."""
    talk = Talk(GrpcSession())
    talk.fault('one-way on "Users/Get"')
    talk.says(C, GREETING).says(S, frames.settings({})).says(C, asks())
    talk.says(S, fields(1, ANSWER)).wait(1)
    assert talk.got(C) == frames.settings({})
    talk.heal()
    assert talk.got(C).endswith(frames.rst_stream(1, 2))
    assert talk.got(S).endswith(frames.rst_stream(1, 8))
    talk.says(S, frames.data(1, message(b"too late")))
    assert talk.got(C).endswith(frames.rst_stream(1, 2))
    assert [(flow.op, flow.status, flow.outcome) for flow in talk.flows] == [("Users/Get", "reset", "lost")]


@pytest.mark.parametrize("fault", ["blackhole", 'blackhole on "Users/*"'])
def test_a_call_that_is_given_up_while_nothing_passes_is_told_at_once(fault: str) -> None:
    talk = Talk(GrpcSession())
    ident = talk.fault(fault).id
    talk.says(C, GREETING).says(S, frames.settings({})).says(C, asks((b"grpc-timeout", b"500m"))).wait(0.5)
    talk.says(C, frames.rst_stream(1, 8))
    assert [(f.op, f.status, f.outcome, f.ms, f.faults) for f in talk.flows] == [
        ("Users/Get", "DEADLINE_EXCEEDED", "lost", 500.0, (ident,)),
    ]


def test_no_more_calls_are_followed_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.wire.grpc.calls.MOST_CALLS", 5)
    session = GrpcSession()
    dialogue = Dialogue(session, striking("duplicate x1"))
    dialogue.says(C, GREETING).says(S, frames.settings({}))
    for stream in range(1, 31, 2):
        dialogue.says(C, asks(stream=stream))
    assert dialogue.to[S].count(b"/shop.v1.Users/Get") == 15
    assert len(session._calls.here) == 5


def test_which_faults_there_are() -> None:
    links = [name for name, kind in KINDS.items() if kind.scope == "link" and fits(name, "grpc")]
    usual = ["latency", "bandwidth", "refuse", "reset", "blackhole", "one-way", "connect-hang"]
    assert links == [*usual, "grpc-status", "duplicate"]


def test_two_calls_and_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    dialogue = Dialogue(GrpcSession(), striking("duplicate x1"))
    dialogue.says(C, GREETING).says(S, frames.settings({})).says(C, asks((b"x-request-id", b"r-1"), body=b"x" * 30_000))
    [copy] = dialogue.copies
    session = GrpcSession()
    assert observed(session, [(C, copy), (S, frames.settings({}))]) == []
    [flow] = observed(session, [(S, fields(1, [*ANSWER, (b"grpc-status", b"0")], ends=True))])
    assert (flow.op, flow.correlation, flow.sent) == ("Users/Get", "r-1", 1)
    assert not [effect for effect in dialogue.effects if isinstance(effect, Seen)]
