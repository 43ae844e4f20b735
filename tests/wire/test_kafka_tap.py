"""confluent-kafka through a real tap, on the embedded cluster: what each fault promises is what a client sees."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.journal.event import Flow
from tests.kafka_cluster import SESSION_MS, MockCluster, ThreeBrokers, produced, producer, reader, stored, topic
from tests.waiting import eventually
from tests.wire.threaded_tap import ThreadedTap


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockCluster]:
    cluster = MockCluster(tmp_path_factory.mktemp("kafka"))
    with cluster:
        yield cluster


@pytest.fixture
def tap(cluster: MockCluster) -> Iterator[ThreadedTap]:
    with ThreadedTap("kafka", cluster.port) as tap:
        yield tap


@pytest.fixture
def direct(cluster: MockCluster) -> str:
    return cluster.address


def told(tap: ThreadedTap, verb: str, topic: str = "") -> list[Flow]:
    return [flow for flow in list(tap.flows) if flow.op.split()[0] == verb and topic in (flow.exchange, "")]


def test_clients_stay_on_the_tap(tap: ThreadedTap) -> None:
    name = topic()
    with producer(tap.address) as client:
        assert produced(client, name, "a", "b") == [0, 1]
    with reader(tap.address, name) as consumer:
        consumer.until(lambda: consumer.got == ["a", "b"])
        assert consumer.commit() == ""
    (queue,) = {flow.queue for flow in told(tap, "fetch", name)}
    assert queue.startswith(f"readers/{name}/")
    assert [flow.offset for flow in told(tap, "confirm", name)] == [0, 1]
    assert [(flow.offset, flow.queue) for flow in told(tap, "commit", name)] == [(0, queue), (1, queue)]
    assert {"join", "sync", "leave", "find-coordinator", "metadata"} <= {flow.op.split()[0] for flow in tap.flows}
    assert not [flow for flow in tap.flows if flow.op == "undecoded"]


def test_each_broker_of_a_cluster_has_a_port_of_the_tap(tmp_path: Path) -> None:
    with ThreeBrokers(tmp_path) as cluster, ThreadedTap("kafka", cluster.port) as tap:
        name = topic()
        with producer(tap.address) as client:
            for number in range(12):
                produced(client, name, f"m{number}", key=f"k{number}")
        with reader(tap.address, name) as consumer:
            consumer.until(lambda: len(consumer.got) == 12)
        assert len(told(tap, "confirm", name)) == len(told(tap, "fetch", name)) == 12
        assert len({flow.partition for flow in told(tap, "fetch", name)}) > 1
        tap.fault("refuse")
        with producer(tap.address) as client:
            client.produce(name, "x")
            assert client.flush(1) == 1


# Faults on whole links.


def test_latency_makes_every_round_trip_longer(tap: ThreadedTap) -> None:
    name = topic()
    with producer(tap.address) as client:
        produced(client, name, "first")
        tap.fault("latency 300ms")
        began = time.monotonic()
        produced(client, name, "second")
        assert time.monotonic() - began >= 0.3
    assert told(tap, "confirm", name)[-1].outcome == "late"


def test_bandwidth_lets_bytes_through_slowly(tap: ThreadedTap) -> None:
    name = topic()
    with producer(tap.address) as client:
        produced(client, name, "first")
        tap.fault("bandwidth 20KB/s")
        began = time.monotonic()
        produced(client, name, "x" * 20_000)
        assert time.monotonic() - began >= 0.5


@pytest.mark.parametrize("fault", ["blackhole", "connect-hang", "refuse", "one-way"])
def test_what_cannot_be_confirmed_waits_until_it_heals(tap: ThreadedTap, fault: str) -> None:
    name = topic()
    with producer(tap.address, socket_timeout_ms=1_000) as client:
        produced(client, name, "before")
        tap.fault(fault)
        client.produce(name, "during", key="k")
        assert client.flush(0.7) == 1
        tap.heal()
        assert client.flush(15) == 0


def test_a_reset_is_survived_by_a_new_connection(tap: ThreadedTap, direct: str) -> None:
    name = topic()
    with producer(tap.address) as client:
        produced(client, name, "a")
        fault = tap.fault("reset")
        produced(client, name, "b")
        assert tap.victims(fault) >= 1
    assert stored(direct, name) == ["a", "b"]


# Faults on messages.


def test_a_pattern_hits_one_topic_only(tap: ThreadedTap) -> None:
    slow, fast = topic(), topic()
    with producer(tap.address) as client:
        produced(client, slow, "x")
        produced(client, fast, "x")
        tap.fault(f'latency 400ms on "produce {slow}"')
        began = time.monotonic()
        produced(client, fast, "x")
        assert time.monotonic() - began < 0.4
        produced(client, slow, "x")
        assert time.monotonic() - began >= 0.4


def test_a_lost_confirm_has_records_stored_twice(tap: ThreadedTap, direct: str) -> None:
    name = topic()
    with producer(tap.address) as client:
        produced(client, name, "first")
        tap.fault("lose-confirm x1")
        produced(client, name, "twice")
    assert stored(direct, name) == ["first", "twice", "twice"]
    assert [flow.outcome for flow in told(tap, "confirm", name)] == ["ok", "lost", "ok"]


def test_a_publish_is_stored_twice_and_confirmed_once(tap: ThreadedTap, direct: str) -> None:
    name = topic()
    with producer(tap.address) as client:
        tap.fault("duplicate-publish x1")
        assert produced(client, name, "twice", "once") == [0, 2]
    assert stored(direct, name) == ["twice", "twice", "once"]
    assert [flow.outcome for flow in told(tap, "produce", name)] == ["ok", "duplicate", "ok"]


def test_a_poisoned_record_is_taken_as_whole_by_a_client_that_checks_it(tap: ThreadedTap, direct: str) -> None:
    name = topic()
    with producer(direct) as client:
        produced(client, name, '{"a": 1}', '{"b": 2}')
    tap.fault("poison x1")
    with reader(tap.address, name, check_crcs=True) as consumer:
        consumer.until(lambda: len(consumer.got) == 2)
        assert consumer.got == ['#"a": 1}', '{"b": 2}']
    assert stored(direct, name) == ['{"a": 1}', '{"b": 2}']


def test_a_lost_commit_is_refused_and_brings_the_records_again(tap: ThreadedTap, direct: str) -> None:
    name = topic()
    with producer(direct) as client:
        produced(client, name, "a", "b")
    with reader(tap.address, name) as consumer:
        consumer.until(lambda: consumer.got == ["a", "b"])
        tap.fault("lose-commit x1")
        assert consumer.commit() == "ILLEGAL_GENERATION"
        consumer.until(lambda: consumer.got == ["a", "b", "a", "b"])
        assert consumer.commit() == ""
    commits = [(flow.outcome, flow.status) for flow in told(tap, "commit", name)]
    assert commits == [("lost", "ILLEGAL_GENERATION")] * 2 + [("ok", "committed")] * 2
    assert [flow.redelivered for flow in told(tap, "fetch", name)] == [False, False, True, True]
    assert "rebalance" in [flow.status for flow in told(tap, "join")]


def test_a_silent_member_loses_its_partitions_and_joins_again(tap: ThreadedTap, direct: str) -> None:
    # The mock cluster refuses a follower's sync that comes after the leader's, and begins anew a second later. A
    # follower on the tap is often the later one if the leader is not, so both are.
    name = topic()
    with producer(direct) as client:
        produced(client, name, "a")
    with reader(tap.address, name) as silent:
        silent.until(lambda: silent.got == ["a"])  # and does not commit
        with reader(tap.address, name) as other:
            tap.fault(f"rebalance x1 for {2 * SESSION_MS}ms")
            other.until(lambda: other.got == ["a"])
            assert other.commit() == ""
            eventually(lambda: [flow for flow in told(tap, "heartbeat") if flow.faults])
            tap.heal()

            def shared() -> bool:
                other.poll()
                return len(silent.client.assignment()) == len(other.client.assignment()) == 2

            silent.until(shared)
