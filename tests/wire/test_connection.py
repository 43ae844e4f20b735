"""What a connection does under the faults of its link, to the millisecond: dialogues in virtual time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from pamqp import commands

from lab.journal.deliveries import Deliveries
from lab.journal.event import Flow
from lab.wire.amqp.session import AmqpSession
from lab.wire.connection import GRACE, LINGER
from lab.wire.http.session import HttpSession
from lab.wire.lane import ROOM, SLICE
from lab.wire.raw import RawSession
from lab.wire.redis.session import RedisSession
from tests.wire.amqp_play import GREETING, deliver, publish, say
from tests.wire.talk import C, S, Talk

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def echo(data: bytes) -> bytes:
    return data


def web(data: bytes) -> bytes:
    """A server that answers whatever is complete."""
    return OK if data.endswith((b"\r\n\r\n", b"}")) else b""


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\n\r\n".encode()


def post(path: str, body: bytes) -> bytes:
    return b"POST %s HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (path.encode(), len(body), body)


def told(flow: Flow) -> tuple[str, str, float | None, tuple[str, ...]]:
    return flow.op, flow.outcome, None if flow.ms is None else round(flow.ms, 3), flow.faults


def test_without_faults_bytes_pass_the_direct_way_at_once() -> None:
    talk = Talk(RawSession(), echo)
    assert talk.connection.direct == {C: True, S: True}
    assert talk.says(C, b"hello").heard == {S: [(0.0, b"hello")], C: [(0.0, b"hello")]}


def test_a_latency_is_shared_by_the_way_out_and_the_way_back() -> None:
    talk = Talk(RawSession(), echo)
    talk.fault("latency 200ms")
    talk.says(C, b"hello").wait(0.199)
    assert talk.heard == {S: [(0.1, b"hello")], C: []}
    talk.wait(0.001)
    assert (talk.when(C), talk.got(C)) == (200, b"hello")


def test_bytes_wait_for_nobody_once_it_is_healed() -> None:
    talk = Talk(RawSession(), echo)
    talk.fault("latency 20s")
    talk.says(C, b"held").wait(3)
    assert talk.heard[S] == []
    talk.heal()
    assert talk.heard == {S: [(3.0, b"held")], C: [(3.0, b"held")]}
    assert talk.connection.direct == {C: True, S: True}


def test_jitter_keeps_the_order_and_its_bounds() -> None:
    talk = Talk(RawSession())
    talk.fault("latency 100ms jitter=100ms")
    sent = []
    for number in range(200):
        sent.append((talk.now, b"%d;" % number))
        talk.says(C, sent[-1][1]).wait(0.001)
    talk.wait(1)
    assert [data for _, data in talk.heard[S]] == [data for _, data in sent]
    late = [at - begun for (begun, _), (at, _) in zip(sent, talk.heard[S], strict=True)]
    assert min(late) >= 0
    assert max(late) <= 0.1 + 1e-9
    assert max(late) - min(late) > 0.05


def test_a_bandwidth_lets_bytes_pass_at_its_rate_and_heals_at_once() -> None:
    talk = Talk(RawSession())
    talk.fault("bandwidth 100KB/s")
    talk.wait(1)
    talk.says(C, b"x" * 40_000).wait(10)
    passed = 0
    for at, data in talk.heard[S]:
        passed += len(data)
        assert passed <= (at - 1 + 2 * SLICE) * 100_000 + 1
    assert passed == 40_000
    assert talk.when(S) == pytest.approx(1_300, abs=1), "400 ms, less the two slices that leave at once"
    talk.says(C, b"x" * 1_000_000).wait(0.1)
    assert len(talk.got(S)) < 80_000
    talk.heal()
    assert len(talk.got(S)) == 1_040_000


def test_latency_of_http_is_in_its_flow() -> None:
    talk = Talk(HttpSession(), web)
    fault = talk.fault("latency 150ms")
    talk.says(C, get("/slow")).wait(1)
    assert (talk.when(S), talk.when(C)) == (75, 150)
    assert [told(flow) for flow in talk.flows] == [("GET /slow", "late", 150, (fault.id,))]
    talk.heal()
    talk.says(C, post("/orders", b"{}"))
    assert talk.when(C) == 1_000
    assert told(talk.flows[-1]) == ("POST /orders", "ok", 0, ())


def test_latency_of_chosen_requests_lets_others_pass() -> None:
    talk = Talk(HttpSession(), web)
    fault = talk.fault('latency 200ms on "POST /orders*"')
    talk.says(C, get("/orders"))
    assert talk.when(C) == 0
    talk.says(C, post("/orders", b"{}")).wait(1)
    assert (talk.when(S), talk.when(C)) == (200, 200)
    assert [told(flow) for flow in talk.flows] == [
        ("GET /orders", "ok", 0, ()),
        ("POST /orders", "late", 200, (fault.id,)),
    ]


def test_bandwidth_of_http() -> None:
    talk = Talk(HttpSession(), web)
    talk.fault("bandwidth 2KB/s")
    talk.wait(1)
    request = post("/orders", b"x" * 599 + b"}")
    talk.says(C, request).wait(2)
    assert talk.got(S) == request
    assert talk.when(S) == pytest.approx(1_000 + len(request) / 2 - 100, abs=50)


def test_two_faults_at_once() -> None:
    talk = Talk(HttpSession(), web)
    one, two = talk.fault("latency 100ms"), talk.fault("status")
    talk.says(C, get("/x")).wait(1)
    assert talk.got(C).startswith(b"HTTP/1.1 503 ")
    assert talk.when(C) == 50, "the way back alone: the request went nowhere"
    assert talk.got(S) == b""
    assert set(talk.flows[-1].faults) == {one.id, two.id}


def test_latency_of_redis() -> None:
    talk = Talk(RedisSession(), lambda _: b"$1\r\n1\r\n")
    fault = talk.fault("latency 100ms")
    talk.says(C, b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n").wait(1)
    assert (talk.when(S), talk.when(C)) == (50, 100)
    assert [told(flow) for flow in talk.flows] == [("GET a", "late", 100, (fault.id,))]
    talk.heal()
    talk.says(C, b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n")
    assert talk.when(C) == 1_000
    assert told(talk.flows[-1]) == ("GET a", "ok", 0, ())


def test_latency_of_a_chosen_publish_lets_the_next_one_pass() -> None:
    talk = Talk(AmqpSession())
    talk.says(C, GREETING)
    fault = talk.fault('latency 300ms on "publish order.created" x1')
    talk.says(C, publish("m1")).wait(1)
    assert talk.when(S) == 300
    talk.says(C, publish("m2"))
    assert talk.when(S) == 1_000
    assert [(flow.message, flow.outcome, flow.faults) for flow in talk.flows] == [
        ("m1", "late", (fault.id,)),
        ("m2", "ok", ()),
    ]


@pytest.mark.parametrize("no_ack", [False, True])
@pytest.mark.parametrize("fault", ["latency 1s", "one-way", "blackhole"])
@pytest.mark.parametrize(
    "end",
    [
        lambda talk: talk.loses(C),
        lambda talk: talk.loses(C, reset=True),
        lambda talk: talk.loses(S).wait(3),
        lambda talk: talk.ends_from(C).wait(3),
        lambda talk: talk.fault("reset"),
    ],
    ids=["killed", "client resets", "broker gone", "client hangs up", "cut"],
)
def test_no_delivery_is_open_after_its_connection_has_ended_be_it_a_copy(
    end: Callable[[Talk], object], fault: str, no_ack: bool
) -> None:
    talk = Talk(AmqpSession())
    talk.says(C, GREETING + say(commands.Basic.Consume(queue="mail", consumer_tag="c", no_ack=no_ack)))
    talk.says(S, say(commands.Basic.ConsumeOk("c")))
    talk.fault("redeliver")
    talk.fault(fault)
    talk.says(S, deliver("m1", 1))
    end(talk)
    talk.heal()
    talk.wait(3)
    book = Deliveries()
    for flow in talk.flows:
        book.take(flow)
    assert [flow.message for flow in talk.flows if flow.role == "delivery"] == ["m1", "m1"]
    assert book.count == 0


def test_what_a_blackhole_held_is_late_by_as_long_as_it_was_held() -> None:
    talk = Talk(HttpSession(), web)
    fault = talk.fault("blackhole")
    talk.says(C, get("/x")).wait(0.2)
    assert talk.heard == {C: [], S: []}
    talk.heal()
    talk.says(C, get("/y"))
    assert [told(flow) for flow in talk.flows] == [("GET /x", "late", 200, (fault.id,)), ("GET /y", "ok", 0, ())]
    assert talk.plan.victims(fault.id) == 1


def test_a_chosen_blackhole_holds_the_connection_until_it_heals() -> None:
    talk = Talk(HttpSession(), web)
    fault = talk.fault('blackhole x1 on "POST *"')
    talk.says(C, post("/orders", b"{}")).wait(5)
    assert talk.got(S) == b""
    talk.heal()
    assert talk.when(C) == 5_000
    assert [told(flow) for flow in talk.flows] == [("POST /orders", "late", 5_000, (fault.id,))]


def test_replies_that_fell_to_a_one_way_fault_cut_the_connection_when_it_heals() -> None:
    talk = Talk(HttpSession(), web)
    fault = talk.fault("one-way")
    talk.says(C, post("/orders", b"{}")).wait(1)
    assert (talk.got(S), talk.got(C)) == (post("/orders", b"{}"), b"")
    assert [told(flow) for flow in talk.flows] == [("POST /orders", "lost", 0, (fault.id,))]
    talk.heal()
    assert talk.ends == [(1.0, C, "reset"), (1.0, S, "reset")]


def test_a_reset_cuts_both_sides_and_what_waits_is_an_error_of_it() -> None:
    talk = Talk(HttpSession(), web)
    talk.fault("latency 10s")
    talk.says(C, get("/x")).wait(0.1)
    cut = talk.fault("reset")
    assert talk.ends == [(0.1, C, "reset"), (0.1, S, "reset")]
    (flow,) = talk.flows
    assert (flow.op, flow.outcome, flow.status) == ("GET /x", "error", "reset")
    assert cut.id in flow.faults
    assert talk.heard == {C: [], S: []}


def test_the_end_comes_after_all_that_was_sent_before() -> None:
    talk = Talk(RawSession())
    talk.fault("latency 200ms")
    talk.says(C, b"last").ends_from(C).wait(1)
    assert talk.heard[S] == [(0.1, b"last")]
    assert talk.ends == [(0.1, S, "eof")]


def test_a_provider_that_resets_is_a_reset_for_the_client() -> None:
    talk = Talk(HttpSession())
    talk.says(C, get("/x")).loses(S, reset=True)
    assert talk.ends == [(0.0, C, "reset")]
    assert [told(flow)[:2] for flow in talk.flows] == [("GET /x", "lost")]
    talk.loses(C)
    assert talk.connection.over


def test_a_provider_that_is_gone_before_the_client_is_connected_is_still_told_to_it() -> None:
    talk = Talk(RawSession(), sides=(S,))
    talk.loses(S, reset=True)
    assert not talk.connection.over
    talk.opens(C)
    assert talk.ends == [(0.0, C, "reset")]
    talk.loses(C)
    assert talk.connection.over


TOO_LARGE = b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def test_an_answer_before_the_request_was_read_is_delivered_and_not_destroyed_by_a_reset() -> None:
    talk = Talk(HttpSession())
    upload = post("/upload", b"x" * 1000)
    talk.says(C, upload[:500]).says(S, TOO_LARGE).loses(S, reset=True)
    assert talk.got(C) == TOO_LARGE
    assert talk.ends == [(0.0, C, "eof")]
    talk.says(C, upload[500:]).wait(LINGER - 0.001)
    assert talk.ends == [(0.0, C, "eof")]
    talk.wait(0.001)
    assert talk.ends[1:] == [(LINGER, C, "close")]
    assert [told(flow)[:2] for flow in talk.flows] == [("POST /upload", "ok")]
    talk.loses(C)
    assert talk.connection.over


def test_a_provider_that_said_goodbye_does_not_reset_who_still_sends() -> None:
    talk = Talk(HttpSession())
    talk.says(C, post("/upload", b"x")[:-1]).says(S, TOO_LARGE).ends_from(S).loses(S, reset=True)
    assert (C, "reset") not in {(side, how) for _, side, how in talk.ends}
    talk.ends_from(C)
    assert talk.ends[-1] == (0.0, C, "close")


def test_a_client_that_ends_without_waiting_is_gone_after_a_grace() -> None:
    talk = Talk(HttpSession())
    talk.says(C, get("/x")).ends_from(C).wait(GRACE - 0.001)
    assert talk.flows == []
    talk.wait(0.001)
    assert [told(flow)[:2] for flow in talk.flows] == [("GET /x", "lost")]


def test_a_client_that_half_closes_and_waits_has_its_answer_however_late() -> None:
    talk = Talk(HttpSession())
    talk.waits = True
    talk.says(C, get("/slow")).ends_from(C).wait(3)
    assert talk.flows == []
    talk.says(S, OK).ends_from(S)
    assert talk.got(C) == OK
    assert [told(flow) for flow in talk.flows] == [("GET /slow", "ok", 3_000, ())]


def test_a_client_that_gives_up_waiting_after_a_half_close_is_gone() -> None:
    talk = Talk(HttpSession())
    talk.waits = True
    talk.says(C, get("/slow")).ends_from(C).wait(1)
    talk.waits = False
    talk.wait(GRACE)
    assert [told(flow)[:2] for flow in talk.flows] == [("GET /slow", "lost")]


def test_what_waits_is_bounded_the_sender_is_no_longer_read_from() -> None:
    talk = Talk(RawSession())
    talk.fault("blackhole")
    sent = 0
    while C not in talk.paused:
        talk.says(C, bytes(65_536))
        sent += 65_536
    assert ROOM < sent <= ROOM + 65_536
    talk.heal()
    assert talk.paused == set()
    assert len(talk.got(S)) == sent


def test_a_socket_that_takes_no_more_holds_back_the_other_side() -> None:
    talk = Talk(RawSession())
    assert talk.presses(C, True).paused == {S}
    assert talk.presses(C, False).paused == set()


def test_decisions_know_no_event_loop() -> None:
    modules = "connection, raw, http.session, redis.session, amqp.session"
    code = "import sys; " + "; ".join(f"import lab.wire.{name}" for name in modules.split(", "))
    done = subprocess.run([sys.executable, "-c", code + "; print('asyncio' in sys.modules)"], capture_output=True)
    assert done.stdout.decode().strip() == "False", done.stderr.decode()
