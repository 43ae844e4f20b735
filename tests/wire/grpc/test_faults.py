"""Each fault on a gRPC link, as a real client (grpcio) meets it, and after it healed."""

from __future__ import annotations

import time
from collections.abc import Iterator

import grpc
import pytest

from tests.waiting import eventually
from tests.wire.grpc.shop import Provider, Shop, shop
from tests.wire.loops import FACTORIES


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture(params=FACTORIES)
def users(provider: Provider, request: pytest.FixtureRequest) -> Iterator[Shop]:
    with shop(provider, new_loop=request.param) as opened:
        yield opened
        opened.healthy()


def test_latency_holds_one_call_and_lets_the_others_pass(users: Shop) -> None:
    fault = users.fault('latency 400ms on "Users/Create"')
    began = time.monotonic()
    slow = users.client.begin("Create")
    for _ in range(5):
        assert users.client.call("Get") == b"hello"
    assert time.monotonic() - began < 0.35
    assert slow.result() == b"hello"
    assert time.monotonic() - began > 0.39
    flow = users.last("Create")
    assert (flow.status, flow.outcome, flow.faults) == ("OK", "late", (fault.id,))
    assert flow.ms is not None
    assert flow.ms > 390
    assert [flow.outcome for flow in users.flows("Get")] == ["ok"] * 6
    assert users.tap.connections() == 1


def test_latency_of_the_whole_link(users: Shop) -> None:
    users.fault("latency 200ms")
    began = time.monotonic()
    users.client.call("Get")
    assert time.monotonic() - began > 0.19
    assert users.last("Get", 2).outcome == "late"


def test_bandwidth_of_one_call(users: Shop) -> None:
    users.fault('bandwidth 50KB/s on "Users/Create"')
    began = time.monotonic()
    slow = users.client.begin("Create", b"x" * 20_000)
    users.client.call("Get")
    assert time.monotonic() - began < 0.35
    assert len(slow.result()) == 20_000
    assert 0.7 < time.monotonic() - began < 5
    assert users.last("Create").outcome == "late"


def test_reset_ends_one_call(users: Shop) -> None:
    fault = users.fault('reset on "Users/Create"')
    before = users.provider.count("Create")
    slept = users.client.begin("Sleep", b"0.3")
    assert users.client.status("Create") == "INTERNAL"
    assert slept.result() == b"0.3"
    flow = users.last("Create")
    assert (flow.status, flow.outcome, flow.faults) == ("reset", "error", (fault.id,))
    assert users.provider.count("Create") == before
    assert users.tap.connections() == 1


def test_reset_of_the_link_cuts_every_call(users: Shop) -> None:
    slept = users.client.begin("Sleep", b"3")
    eventually(lambda: users.provider.count("Sleep"))
    users.fault("reset")
    assert slept.code() is grpc.StatusCode.UNAVAILABLE
    assert users.last("Sleep").status == "reset"


def test_blackhole_of_the_next_call(users: Shop) -> None:
    before = users.provider.count("Create")
    fault = users.fault('blackhole x1 on "Users/Create"')
    held = users.client.begin("Create", timeout=None)
    assert users.client.call("Create") == b"hello"
    assert users.client.call("Get") == b"hello"
    assert users.provider.count("Create") == before + 1
    assert not held.done()
    users.tap.heal()
    assert held.result(10) == b"hello"
    flow = users.last("Create", 2)
    assert (flow.status, flow.outcome, flow.faults) == ("OK", "late", (fault.id,))


def test_a_call_that_is_given_up_while_it_is_held_never_arrives(users: Shop) -> None:
    before = users.provider.count("Create")
    users.fault('blackhole on "Users/Create"')
    for _ in range(30):
        assert users.client.status("Create", b"x" * 10_000, timeout=0.05) == "DEADLINE_EXCEEDED"
    assert users.client.call("Get", b"y" * 50_000, timeout=2) == b"y" * 50_000
    flow = users.last("Create", 30)
    assert (flow.status, flow.outcome) == ("DEADLINE_EXCEEDED", "lost")
    users.healthy()
    assert users.provider.count("Create") == before


def test_one_way_does_the_work_and_loses_the_answer(users: Shop) -> None:
    before = users.provider.count("Create")
    fault = users.fault('one-way on "Users/Create"')
    assert users.client.status("Create", timeout=0.3) == "DEADLINE_EXCEEDED"
    forgotten = users.client.begin("Create", timeout=None)
    assert users.client.call("Get") == b"hello"
    eventually(lambda: users.provider.count("Create") == before + 2)
    flow = users.last("Create", 2)
    assert (flow.status, flow.outcome, flow.faults) == ("OK", "lost", (fault.id,))
    assert not forgotten.done()
    users.tap.heal()
    assert forgotten.code() is grpc.StatusCode.INTERNAL


def test_one_way_for_an_answer_larger_than_a_window(users: Shop) -> None:
    users.fault('one-way on "Users/Download"')
    stream = users.client.channel.unary_stream("/shop.v1.Users/Download")(b"10 100000", timeout=3)
    flow = users.last("Download")
    assert (flow.status, flow.outcome, flow.received) == ("OK", "lost", 10)
    assert users.client.call("Get", b"y" * 50_000) == b"y" * 50_000
    stream.cancel()


def test_refuse(users: Shop) -> None:
    users.fault("refuse")
    assert users.client.status("Get", timeout=2) == "UNAVAILABLE"
    assert users.client.status("Get", timeout=2) == "UNAVAILABLE"


def test_blackhole_of_the_link(users: Shop) -> None:
    before = users.provider.count("Create")
    users.fault("blackhole")
    assert users.client.status("Create", timeout=0.3) == "DEADLINE_EXCEEDED"
    assert users.provider.count("Create") == before


@pytest.mark.parametrize("code", ["UNAVAILABLE", "NOT_FOUND", "RESOURCE_EXHAUSTED"])
def test_a_status_for_chosen_calls(users: Shop, code: str) -> None:
    before = users.provider.count("Create")
    fault = users.fault(f'grpc-status {code} on "Users/Create"')
    with pytest.raises(grpc.RpcError) as caught:
        users.client.call("Create")
    assert caught.value.code().name == code
    assert caught.value.details() == "injected by the lab"
    chat = users.client.channel.stream_stream("/shop.v1.Users/Chat")(iter([b"a", b"b"]), timeout=5)
    assert list(chat) == [b"a", b"b"]
    flow = users.last("Create")
    assert (flow.status, flow.faults) == (code, (fault.id,))
    assert flow.outcome == ("error" if code == "UNAVAILABLE" else "ok")
    assert users.provider.count("Create") == before


def test_a_status_for_a_share_of_many_calls_at_once(users: Shop) -> None:
    users.fault("grpc-status UNAVAILABLE 30%")
    codes = [future.code().name for future in [users.client.begin("Get") for _ in range(200)]]
    assert codes.count("OK") + codes.count("UNAVAILABLE") == 200
    assert 30 < codes.count("UNAVAILABLE") < 90
    assert users.tap.connections() == 1


def test_a_status_for_a_call_that_streams(users: Shop) -> None:
    users.fault('grpc-status ABORTED on "Users/Upload"')
    call = users.client.channel.stream_unary("/shop.v1.Users/Upload")
    with pytest.raises(grpc.RpcError) as caught:
        call(iter([b"x" * 50_000] * 20), timeout=5)
    assert caught.value.code() is grpc.StatusCode.ABORTED
    assert users.client.call("Get", b"y" * 50_000) == b"y" * 50_000


def test_duplicate(users: Shop) -> None:
    before = users.provider.count("Create")
    fault = users.fault('duplicate on "Users/Create"')
    assert users.client.call("Create", b"x" * 30_000, x_request_id="r-7") == b"x" * 30_000
    eventually(lambda: users.provider.count("Create") == before + 2)
    users.last("Create", 2)
    assert sorted((flow.outcome, flow.status, flow.correlation, flow.faults) for flow in users.flows("Create")) == [
        ("duplicate", "OK", "r-7", (fault.id,)),
        ("ok", "OK", "r-7", (fault.id,)),
    ]


def test_a_request_larger_than_a_window_is_not_sent_twice(users: Shop) -> None:
    before = users.provider.count("Create")
    fault = users.fault('duplicate on "Users/Create"')
    users.client.call("Create", b"x" * 200_000)
    assert users.provider.count("Create") == before + 1
    assert users.tap.victims(fault) == 0


def test_faults_come_and_go_on_one_connection_under_load(users: Shop) -> None:
    begun = []
    for text in (
        'latency 50ms on "Users/Create"',
        "grpc-status UNAVAILABLE 20%",
        'blackhole x2 on "Users/Create"',
        'reset 20% on "Users/Create"',
        'bandwidth 20KB/s on "Users/Create"',
        "latency 20ms",
        "duplicate 30%",
    ):
        users.fault(text)
        for number in range(20):
            begun.append(users.client.begin("Create", b"x" * number * 50, x_request_id=f"r-{number}"))
            begun.append(users.client.begin("Get", b"y" * number))
        users.tap.heal()
    codes = {future.code().name for future in begun}
    assert codes <= {"OK", "UNAVAILABLE", "INTERNAL"}
    assert users.tap.connections() == 1
    assert not [flow for flow in users.tap.flows if flow.role == "connection"]
