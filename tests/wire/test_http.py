from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.wire.http.session import COPY_LIMIT, HttpSession
from lab.wire.session import Close, Mute, Reset, Send, Stall, Undecodable
from tests.wire.playbook import C, Dialogue, S, Said, check_garbage, garbage, observed, seen, splits, striking

GET = (
    b"GET /users/7?full=1&api_key=hunter2 HTTP/1.1\r\nHost: x\r\nX-Request-ID: r-1\r\nAuthorization: Bearer abc\r\n\r\n"
)
POST = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\nX-Request-ID: r-2\r\n\r\nnew"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;ext=1\r\nhello\r\n10\r\n" + b"x" * 16 + b"\r\n0\r\nTrailer: 1\r\n\r\n"
)
UPLOAD = b"PUT /f HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"


def test_a_request_and_its_answer_are_one_flow() -> None:
    (flow,) = observed(HttpSession(), [(C, GET), (S, OK)])
    assert (flow.op, flow.status, flow.outcome, flow.ms) == ("GET /users/7", "200", "ok", 1000.0)
    assert flow.correlation == "r-1"
    assert flow.bytes == len(GET) + len(OK)


def test_secrets_are_not_written_down() -> None:
    (flow,) = observed(HttpSession(), [(C, GET), (S, OK)])
    assert flow.detail == "?full=1&api_key=…"
    assert "hunter2" not in repr(flow)
    assert "Bearer" not in repr(flow)


def test_the_answers_correlation_is_taken_when_the_request_has_none() -> None:
    (flow,) = observed(HttpSession(), [(C, POST), (S, CREATED)])
    assert (flow.op, flow.status, flow.correlation) == ("POST /orders", "201", "r-2")


def test_a_traceparent_correlates_too() -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    head = f"GET / HTTP/1.1\r\ntraceparent: 00-{trace}-00f067aa0ba902b7-01\r\n\r\n".encode()
    (flow,) = observed(HttpSession(), [(C, head), (S, OK)])
    assert flow.correlation == trace


def test_pipelined_requests_are_answered_in_order() -> None:
    flows = observed(HttpSession(), [(C, GET + POST + UPLOAD), (S, OK + CREATED + CHUNKED)])
    assert [(f.op, f.status) for f in flows] == [("GET /users/7", "200"), ("POST /orders", "201"), ("PUT /f", "200")]


def test_the_answer_to_head_has_no_body_whatever_it_says() -> None:
    head = b"HEAD /big HTTP/1.1\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    flows = observed(HttpSession(), [(C, head + GET), (S, answer + OK)])
    assert [(f.op, f.status) for f in flows] == [("HEAD /big", "200"), ("GET /users/7", "200")]


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_answers_without_a_body(status: bytes) -> None:
    empty = b"HTTP/1.1 " + status + b"\r\nETag: 1\r\n\r\n"
    flows = observed(HttpSession(), [(C, GET + GET), (S, empty + OK)])
    assert [f.status for f in flows] == [status[:3].decode(), "200"]


def test_an_interim_answer_is_not_the_answer() -> None:
    flows = observed(HttpSession(), [(C, POST), (S, b"HTTP/1.1 100 Continue\r\n\r\n"), (S, CREATED)])
    assert [f.status for f in flows] == ["201"]


def test_an_answer_until_close_is_complete_at_the_close() -> None:
    session = HttpSession()
    assert observed(session, [(C, GET), (S, b"HTTP/1.1 200 OK\r\n\r\nsome"), (S, b" more")]) == []
    (flow,) = session.closed(S, 9.0)
    assert (flow.status, flow.outcome, flow.ms) == ("200", "ok", 9000.0)


def test_a_websocket_is_not_http_any_more() -> None:
    ask = b"GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi"
    flows = observed(HttpSession(), [(C, ask), (S, answer), (C, b"\x81\x02yo"), (S, b"\x88\x00")])
    assert [(f.op, f.status, f.detail) for f in flows] == [("GET /ws", "101", "upgraded to websocket")]


def test_a_connect_tunnel_is_not_http_any_more() -> None:
    ask = b"CONNECT db:5432 HTTP/1.1\r\n\r\n"
    flows = observed(HttpSession(), [(C, ask), (S, b"HTTP/1.1 200 OK\r\n\r\n"), (C, b"\x00\x01"), (S, b"\x02")])
    assert [(f.op, f.status) for f in flows] == [("CONNECT db:5432", "200")]


def test_what_never_got_an_answer_is_lost() -> None:
    session = HttpSession()
    observed(session, [(C, GET + POST), (S, OK[:-1])])
    flows = session.closed(C, 5.0)
    assert [(f.op, f.outcome, f.status) for f in flows] == [
        ("GET /users/7", "lost", "200"),
        ("POST /orders", "lost", "closed"),
    ]
    assert "in the middle" in flows[0].detail
    assert "the caller gave up before" in flows[1].detail
    assert session.observe(S, b"late", 6.0) == ()


def test_a_server_error_is_an_error() -> None:
    flows = observed(HttpSession(), [(C, GET), (S, b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")])
    assert [f.outcome for f in flows] == ["error"]


@pytest.mark.parametrize(
    "said",
    [
        [(C, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")],
        [(C, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")],
        [(C, b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000)],
        [(C, b"GET / HTTP/1.1\nHost: x\n\n")],
        [(C, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")],
        [(C, GET), (S, b"HELO mail.example\r\n")],
        [(C, b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc")],
        [(C, GET), (S, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc")],
    ],
)
def test_other_protocols_are_undecodable(said: list[Said]) -> None:
    with pytest.raises(Undecodable):
        observed(HttpSession(), said)


CONVERSATION: list[Said] = [
    (C, GET + POST),
    (S, OK),
    (C, UPLOAD),
    (S, b"HTTP/1.1 100 Continue\r\n\r\n" + CREATED + CHUNKED),
    (C, b"HEAD / HTTP/1.1\r\n\r\n" + GET),
    (S, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"),
]


@given(splits(CONVERSATION))
def test_any_split_gives_the_same_flows(pieces: list[Said]) -> None:
    assert seen(observed(HttpSession(), pieces)) == seen(observed(HttpSession(), CONVERSATION))


@given(splits(CONVERSATION), st.data())
def test_intercepting_at_times_changes_neither_flows_nor_bytes(pieces: list[Said], data: st.DataObject) -> None:
    dialogue = Dialogue(HttpSession())
    flows, sent, came = [], {C: b"", S: b""}, {C: b"", S: b""}
    for now, (side, piece) in enumerate(pieces):
        sent[side.other] += piece
        if dialogue.session.held() or data.draw(st.booleans()):
            before = len(dialogue.flows)
            dialogue.says(side, piece)
            flows += dialogue.flows[before:]
        else:
            flows += dialogue.session.observe(side, piece, float(now))
            dialogue.to[side.other] += piece
        came = dialogue.to
    dialogue.apply(dialogue.session.release())
    assert came == sent
    assert seen(flows) == seen(observed(HttpSession(), CONVERSATION))


@given(garbage)
def test_garbage_passes_untouched(pieces: list[Said]) -> None:
    check_garbage(HttpSession, pieces)


@given(st.lists(st.tuples(st.sampled_from([C, S]), st.sampled_from([GET, OK, UPLOAD, CHUNKED, b"\r\n", b"x", b"0"]))))
def test_nonsense_made_of_http_passes_untouched(pieces: list[Said]) -> None:
    check_garbage(HttpSession, pieces)


def test_a_status_is_answered_in_its_turn() -> None:
    dialogue = Dialogue(HttpSession(), striking('status 503 on "POST *"'))
    dialogue.says(C, GET + POST + GET)
    assert dialogue.to == {S: GET + GET, C: b""}
    assert dialogue.session.held()
    dialogue.says(S, OK + OK)
    assert dialogue.to[C].startswith(OK + b"HTTP/1.1 503 Service Unavailable\r\n")
    assert dialogue.to[C].endswith(OK)
    assert [(f.op, f.status, f.outcome, f.faults) for f in dialogue.flows] == [
        ("GET /users/7", "200", "ok", ()),
        ("POST /orders", "503", "error", ("f1",)),
        ("GET /users/7", "200", "ok", ()),
    ]
    assert not dialogue.session.held()


OFFER = b"POST /orders HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}"
WAITS = b"POST /orders HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"


def test_an_upgrade_that_is_only_offered_is_a_request_like_any_other() -> None:
    flows = observed(HttpSession(), [(C, OFFER + GET), (S, OK + OK)])
    assert [(f.op, f.status) for f in flows] == [("POST /orders", "200"), ("GET /users/7", "200")]
    dialogue = Dialogue(HttpSession(), striking("status 503"))
    dialogue.says(C, OFFER).says(C, GET)
    assert dialogue.to[S] == b""
    assert dialogue.to[C].count(b"HTTP/1.1 503 ") == 2
    dialogue = Dialogue(HttpSession(), striking("duplicate"))
    dialogue.says(C, OFFER)
    assert dialogue.copies == [OFFER]


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_a_status_answers_who_waits_for_a_word_before_the_body_and_ends_the_connection(body: bytes) -> None:
    dialogue = Dialogue(HttpSession(), striking("status 503"))
    dialogue.says(C, WAITS)
    assert dialogue.to[C].startswith(b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n")
    assert isinstance(dialogue.effects[-1], Close)
    assert [(f.op, f.status, f.faults) for f in dialogue.flows] == [("POST /orders", "503", ("f1",))]
    dialogue.says(C, body)
    assert dialogue.to[S] == b""
    assert not dialogue.session.held()


def test_a_status_for_who_waits_comes_after_the_answers_before_it() -> None:
    dialogue = Dialogue(HttpSession(), striking('status 503 on "POST *"'))
    dialogue.says(C, GET + WAITS)
    assert dialogue.to == {S: GET, C: b""}
    dialogue.says(S, OK)
    assert dialogue.to[C].startswith(OK + b"HTTP/1.1 503 ")


def test_a_message_that_began_before_interception_goes_on_as_it_comes() -> None:
    session = HttpSession()
    session.observe(C, POST[:10], 0.0)
    dialogue = Dialogue(session, striking("status 503"))
    dialogue.says(C, POST[10:30]).says(C, POST[30:] + POST)
    assert dialogue.to[S] == POST[10:]


def test_a_duplicate_is_the_same_bytes_again_once_complete() -> None:
    dialogue = Dialogue(HttpSession(), striking("duplicate"))
    dialogue.says(C, POST[:-2])
    assert dialogue.copies == []
    dialogue.says(C, POST[-2:] + POST)
    assert dialogue.copies == [POST]
    assert dialogue.to[S] == POST + POST


def test_a_request_too_large_to_keep_is_never_duplicated() -> None:
    big = b"POST /big HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (COPY_LIMIT + 1) + b"x" * (COPY_LIMIT + 1)
    dialogue = Dialogue(HttpSession(), striking("duplicate"))
    dialogue.says(C, big).says(C, POST)
    assert dialogue.to[S] == big + POST
    assert dialogue.copies == [POST]


@pytest.mark.parametrize("answer", [OK, CREATED, CHUNKED])
def test_a_truncated_body_always_misses_something(answer: bytes) -> None:
    for keep in (0, 1, 1000):
        dialogue = Dialogue(HttpSession(), striking(f"truncate {keep}"))
        dialogue.says(C, GET).says(S, answer)
        assert answer.startswith(dialogue.to[C])
        assert len(dialogue.to[C]) < len(answer)
        assert b"\r\n\r\n" in dialogue.to[C]
        assert any(isinstance(effect, Close) for effect in dialogue.effects)
        assert [(f.outcome, f.faults) for f in dialogue.flows] == [("error", ("f1",))]


def test_link_faults_on_a_chosen_request() -> None:
    def effects(fault: str) -> list[object]:
        return list(Dialogue(HttpSession(), striking(fault)).says(C, GET).effects)

    assert effects('latency 50ms on "GET *"') == [Send(S, GET, delay=0.05)]
    assert effects('bandwidth 1KB/s on "GET *"') == [Send(S, GET, rate=1000.0)]
    assert effects('blackhole on "GET *"') == [Stall("f1"), Send(S, GET)]
    assert effects('reset on "GET *"') == [Reset("f1")]
    assert effects('reset on "POST *"') == [Send(S, GET)]


def test_one_way_loses_the_answer_to_the_chosen_request_and_no_earlier_one() -> None:
    dialogue = Dialogue(HttpSession(), striking('one-way on "POST *"'))
    dialogue.says(C, GET + POST).says(S, OK + CREATED)
    kinds = [effect for effect in dialogue.effects if isinstance(effect, (Send, Mute)) and effect != Send(S, GET)]
    assert kinds.index(Mute("f1")) > kinds.index(Send(C, OK[:-2]))
    assert dialogue.to[S] == GET + POST


FIELDS = [
    b"Host: x",
    b"X-Request-ID: r-1",
    b"x-request-id:",
    b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    b"Content-Length: 2",
    b"content-length:  2 ",
    b"Transfer-Encoding: chunked",
    b"Upgrade: h2c",
    b"Connection: close",
    b"X-Content-Length: 9",
]
LINES = [b"GET /a", b"POST /a?q=1&token=x", b"HEAD /a", b"PUT " + b"/a" * 150, b"GET http://h/a", b"OPTIONS *"]
STATUSES = [b"200 OK", b"204 No Content", b"304 Not Modified", b"404 ", b"503 Busy", b"99 Odd"]
BODIES = [b"", b"hi", b"2\r\nhi\r\n0\r\n\r\n"]


@settings(max_examples=600)
@given(
    st.sampled_from(LINES),
    st.sampled_from(STATUSES),
    *[st.lists(st.sampled_from(FIELDS), max_size=4)] * 2,
    *[st.sampled_from(BODIES)] * 2,
)
def test_a_glance_sees_what_a_closer_look_sees(
    line: bytes, status: bytes, asked: list[bytes], told: list[bytes], upload: bytes, body: bytes
) -> None:
    request = b"\r\n".join([line + b" HTTP/1.1", *asked, b"", upload])
    answer = b"\r\n".join([b"HTTP/1.1 " + status, *told, b"", body])

    def flows(said: list[Said]) -> list[tuple[object, ...]] | str:
        session = HttpSession()
        try:
            return seen([*observed(session, said), *session.closed(S, 9.0)])
        except Undecodable:
            return "undecodable"

    pieces = [(side, bytes([byte])) for side, data in ((C, request), (S, answer)) for byte in data]
    assert flows([(C, request), (S, answer)]) == flows(pieces)
