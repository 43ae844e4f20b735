"""gRPC through a tap without a fault: what is seen, and that nothing of it is changed."""

from __future__ import annotations

import time
from collections.abc import Iterator

import grpc
import pytest

from tests.waiting import eventually
from tests.wire.grpc.shop import Client, Provider, Shop, shop
from tests.wire.threaded_tap import ThreadedTap


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture
def users(provider: Provider) -> Iterator[Shop]:
    with shop(provider) as opened:
        yield opened


def test_what_is_seen_of_a_call(users: Shop) -> None:
    users.client.call("Create", b"x" * 100, timeout=5, x_request_id="r-1")
    flow = users.last("Create")
    assert (flow.role, flow.op, flow.status, flow.outcome) == ("call", "Users/Create", "OK", "ok")
    assert (flow.correlation, flow.detail, flow.sent, flow.received) == ("r-1", "shop.v1", 1, 1)
    assert flow.deadline == pytest.approx(5000, rel=0.05)
    assert 200 < flow.bytes < 2000
    assert flow.ms is not None
    assert 0 < flow.ms < 5000


def test_the_trace_of_a_call_without_a_request_id(users: Shop) -> None:
    users.client.call("Create", traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    assert users.last("Create").correlation == "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("method", "request_", "status", "outcome"),
    [
        ("Fail", b"NOT_FOUND", "NOT_FOUND", "ok"),
        ("Fail", b"UNAVAILABLE", "UNAVAILABLE", "error"),
        ("Raise", b"", "UNKNOWN", "error"),
        ("Nonsense", b"", "UNIMPLEMENTED", "error"),
    ],
)
def test_how_a_call_failed(users: Shop, method: str, request_: bytes, status: str, outcome: str) -> None:
    assert users.client.status(method, request_) == status
    flow = users.last(method)
    assert (flow.status, flow.outcome) == (status, outcome)


def test_a_deadline_that_passes(users: Shop) -> None:
    assert users.client.status("Sleep", b"1", timeout=0.2) == "DEADLINE_EXCEEDED"
    flow = users.last("Sleep")
    assert flow.status == "DEADLINE_EXCEEDED"
    assert flow.outcome in ("lost", "error")  # the caller gives up, or the provider does before it
    assert flow.deadline == pytest.approx(200, rel=0.1)


def test_a_call_that_is_cancelled(users: Shop) -> None:
    call = users.client.begin("Sleep", b"1")
    eventually(lambda: users.provider.count("Sleep"))
    call.cancel()
    flow = users.last("Sleep")
    assert (flow.status, flow.outcome) == ("CANCELLED", "lost")


def test_streams_are_counted(users: Shop) -> None:
    channel = users.client.channel
    assert len(list(channel.unary_stream("/shop.v1.Users/Download")(b"12 1000", timeout=5))) == 12
    assert channel.stream_unary("/shop.v1.Users/Upload")(iter([b"abc"] * 9), timeout=5) == b"27"
    assert list(channel.stream_stream("/shop.v1.Users/Chat")(iter([b"", b"a", b"b"]), timeout=5)) == [b"", b"a", b"b"]
    flows = [users.last(op) for op in ("Download", "Upload", "Chat")]
    assert [(flow.sent, flow.received) for flow in flows] == [(1, 12), (9, 1), (3, 3)]


def test_large_messages(users: Shop) -> None:
    body = bytes(range(256)) * 20_000
    assert users.client.call("Create", body, timeout=30) == body
    assert users.last("Create").bytes > 2 * len(body)


def test_many_calls_at_once_on_one_channel(users: Shop) -> None:
    futures = [users.client.begin("Get", b"%d" % number, x_request_id=f"m-{number}") for number in range(300)]
    assert [future.result() for future in futures] == [b"%d" % number for number in range(300)]
    eventually(lambda: len(users.flows("Get")) == 301)
    assert {flow.correlation for flow in users.flows("Get")[1:]} == {f"m-{number}" for number in range(300)}
    assert users.tap.connections() == 1


def test_a_call_in_flight_when_the_provider_dies() -> None:
    with Provider() as provider, shop(provider) as users:
        call = users.client.begin("Sleep", b"30", timeout=60)
        eventually(lambda: provider.count("Sleep"))
        provider.dies()
        assert call.code() is grpc.StatusCode.UNAVAILABLE
        flow = users.last("Sleep")
        assert flow.outcome == "lost"
        assert flow.status in ("closed", "reset")
        assert users.client.status("Get") == "UNAVAILABLE"
        provider.starts()
        users.healthy()


def test_a_provider_that_leaves_says_so_and_finishes_what_it_has() -> None:
    with Provider() as provider, shop(provider) as users:
        users.fault('latency 10ms on "Users/Create"')
        users.client.call("Create")
        call = users.client.begin("Sleep", b"0.5")
        eventually(lambda: provider.count("Sleep"))
        provider.leaves()
        assert call.result() == b"0.5"
        eventually(lambda: "goaway" in [flow.op for flow in users.tap.flows])
        flow = next(flow for flow in users.tap.flows if flow.op == "goaway")
        assert (flow.role, flow.back, flow.status, flow.outcome) == ("setup", True, "NO_ERROR", "ok")
        provider.ends()
        provider.starts()
        users.healthy()


def test_connections_that_grow_old_lose_and_double_no_call() -> None:
    """The provider says GOAWAY again and again, to connections on which faults have changed numbers and fields, too. A
    call that it did not take any more was not done: grpcio tries that again by itself, but once only."""
    with (
        Provider("grpc.max_connection_age_ms=300", "grpc.max_connection_age_grace_ms=5000") as provider,
        shop(provider) as users,
    ):
        users.fault('latency 5ms 30% on "Users/Create"')
        until, codes = time.monotonic() + 2, []
        while time.monotonic() < until:
            futures = [users.client.begin("Create", timeout=10) for _ in range(10)]
            codes += [future.code().name for future in futures]
        assert codes.count("OK") > 0.9 * len(codes)
        assert set(codes) <= {"OK", "UNAVAILABLE"}
        assert provider.count("Create") == codes.count("OK")
        assert len([flow for flow in users.tap.flows if flow.op == "goaway"]) > 2


def test_keepalive_finds_a_link_that_is_dead_but_not_a_call_that_is_held(provider: Provider) -> None:
    alive = (
        ("grpc.keepalive_time_ms", 300),
        ("grpc.keepalive_timeout_ms", 400),
        ("grpc.http2.ping_timeout_ms", 400),
        ("grpc.http2.max_pings_without_data", 0),
    )
    with shop(provider, *alive) as users:
        users.fault('blackhole x1 on "Users/Create"')
        held = users.client.begin("Create", timeout=None)
        time.sleep(1.5)
        assert not held.done()
        assert users.tap.connections() == 1
        users.tap.heal()
        assert held.result(10) == b"hello"
        users.fault("blackhole")
        assert users.client.status("Get", timeout=20) == "UNAVAILABLE"
        users.healthy()


def test_on_a_link_of_http_it_passes_as_bytes_and_the_journal_says_what_to_do(provider: Provider) -> None:
    with ThreadedTap("http", provider.port) as tap:
        client = Client(tap)
        with client.channel:
            assert client.call("Get") == b"hello"
        eventually(lambda: tap.flows)
        assert "the lab reads on links of grpc" in tap.flows[0].detail
