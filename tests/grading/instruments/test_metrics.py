"""Metrics, as text and over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics

from lab.grading.checking.expect import BehaviourFailed, CannotTell
from lab.grading.instruments.metrics import parse_metrics, read_metrics
from lab.neighbours.stub import Reply, Stub, answer, garbage
from tests.brokers import free_port

TEXT = """
# HELP breaker_state What the breaker is.
# TYPE breaker_state gauge
breaker_state{name="users"} 1
breaker_state{name="reco",service="gateway"} 2
# TYPE fallback_total counter
fallback_total{dependency="reco",reason="timeout"} 3
fallback_total{dependency="reco",reason="refused"} 4.0
fallback_total{dependency="orders",reason="refused"} 5
up 1
limit +Inf
"""


@pytest.fixture
def stub() -> Iterator[Stub]:
    stub = Stub()
    stub.open()
    yield stub
    stub.close()


def test_a_sample_is_found_by_its_name_and_labels() -> None:
    metrics = parse_metrics(TEXT)
    assert metrics["breaker_state", {"name": "users"}] == 1.0
    assert metrics["breaker_state", {"name": "reco"}] == 2.0
    assert (metrics["up"], metrics["limit"]) == (1.0, float("inf"))
    assert metrics["breaker_state", {"name": "orders"}] is None
    assert metrics["nothing"] is None


def test_where_several_fit_and_none_exactly_nothing_is_told() -> None:
    metrics = parse_metrics(TEXT + 'a{x="1"} 1\na{x="1",y="2"} 2\n')
    assert metrics["fallback_total", {"dependency": "reco"}] is None
    assert metrics["a", {"x": "1"}] == 1.0


def test_sums_are_over_all_that_have_the_labels() -> None:
    metrics = parse_metrics(TEXT)
    assert metrics.sum("fallback_total") == 12
    assert metrics.sum("fallback_total", dependency="reco") == 7
    assert metrics.sum("fallback_total", dependency="users") == 0
    assert metrics.sum("breaker_state", name="reco") == 2  # a label called name is one like any other
    assert metrics.sum("breaker_state", name="reco") == 2


def test_what_the_client_library_writes_is_read_in_both_formats() -> None:
    registry = CollectorRegistry()
    Counter("fallback", "x", ["dependency"], registry=registry).labels("reco").inc(3)
    Gauge("breaker_state", "x", ["name"], registry=registry).labels("users").set(2)
    for metrics in (
        parse_metrics(generate_latest(registry).decode()),
        parse_metrics(openmetrics(registry).decode(), CONTENT_TYPE_LATEST),  # type: ignore[no-untyped-call]
    ):
        assert metrics.sum("fallback_total", dependency="reco") == 3
        assert metrics["breaker_state", {"name": "users"}] == 2


def test_metrics_are_asked_for_over_http(stub: Stub) -> None:
    async def text(_: object, __: object) -> Reply:
        return Reply(200, TEXT.encode(), "text/plain; version=0.0.4")

    stub.will(text, on="GET /metrics")
    assert read_metrics(f"http://127.0.0.1:{stub.port}/")["up"] == 1.0


def test_what_are_no_metrics_fails_the_behaviour(stub: Stub) -> None:
    url = f"http://127.0.0.1:{stub.port}"
    with pytest.raises(BehaviourFailed) as failed:
        read_metrics(url)
    assert (failed.value.code, "404" in failed.value.got) == ("no-metrics", True)
    for do in (garbage(), answer({"breaker_state": 1})):
        stub.will(do)
        with pytest.raises(BehaviourFailed) as failed:
            read_metrics(url)
        assert failed.value.code == "no-metrics"


def test_a_service_that_does_not_answer_tells_nothing() -> None:
    with pytest.raises(CannotTell, match="does not answer"):
        read_metrics(f"http://127.0.0.1:{free_port()}")
