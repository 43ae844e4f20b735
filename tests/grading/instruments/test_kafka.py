"""The Kafka instrument against librdkafka's mock cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.grading.checking.expect import BehaviourFailed, CannotTell
from lab.grading.instruments import kafka as instrument
from lab.grading.instruments.kafka import Kafka
from lab.journal.event import Flow
from lab.runtime.api import ControlError
from tests.brokers import free_port
from tests.kafka_cluster import MockCluster, reader, topic
from tests.stamped import stamped


def sync(source: str, group: str, detail: str, *, outcome: str = "ok") -> Flow:
    status = "ok" if outcome == "ok" else "REBALANCE_IN_PROGRESS"
    return stamped(Flow(protocol="kafka", op=f"sync {group}", source=source, status=status, detail=detail))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockCluster]:
    cluster = MockCluster(tmp_path_factory.mktemp("kafka"))
    with cluster:
        yield cluster


@pytest.fixture
def flows() -> list[Flow]:
    """What the taps saw; a test adds to it."""
    return []


@pytest.fixture
def kafka(cluster: MockCluster, flows: list[Flow]) -> Iterator[Kafka]:
    def restart() -> None:
        cluster.kill()
        cluster.start()

    kafka = Kafka(cluster.address, lambda: flows, restart)
    yield kafka
    kafka.close()


def test_what_is_produced_lies_in_the_partition_of_its_key_in_this_order(kafka: Kafka) -> None:
    name = topic()
    made = kafka.event("order.paid", {"order_id": "o-1"})
    stored = kafka.produce_all(
        name, [("o-1", made), ("o-1", b"not json"), ("o-1", "text"), ("o-1", None), ("o-1", made)]
    )
    assert [one.offset for one in stored] == [0, 1, 2, 3, 4]
    assert {one.partition for one in stored} == {stored[0].partition}
    assert kafka.records(name) == stored
    assert [one.key for one in stored] == ["o-1"] * 5
    assert [one.json for one in stored] == [made, None, None, None, made]
    assert stored[3].value is None


def test_a_partition_can_be_chosen_and_all_of_them_are_read(kafka: Kafka) -> None:
    name = topic()
    stored = [kafka.produce(name, f"v{number}", partition=number) for number in (3, 0, 2)]
    assert [one.partition for one in stored] == [3, 0, 2]
    assert [(one.partition, one.value, one.key) for one in kafka.records(name)] == [
        (0, b"v0", ""),
        (2, b"v2", ""),
        (3, b"v3", ""),
    ]


def test_how_far_a_group_has_come(kafka: Kafka, cluster: MockCluster) -> None:
    name = topic()
    kafka.produce_all(name, [("k", "1"), ("k", "2")])
    (place,) = {one.partition for one in kafka.records(name)}
    assert kafka.lag("readers", name) == 2
    with pytest.raises(BehaviourFailed) as caught:
        kafka.caught_up("readers", name, within=0.1)
    assert caught.value.code == "lag"
    with reader(cluster.address, name, "readers") as one:
        one.until(lambda: len(one.got) == 2)
        assert one.commit() == ""
    kafka.caught_up("readers", name)
    assert kafka.committed("readers", name)[place] == 2
    assert kafka.lag("others", name) == 2


def test_owners_are_those_of_the_last_assignment(kafka: Kafka, flows: list[Flow]) -> None:
    flows.append(sync("p-1", "g", "t/0, t/1, other/2"))
    assert kafka.owners("g", "t") == {"p-1": {0, 1}}
    flows.append(sync("p-1", "g", "", outcome="error"))
    assert kafka.owners("g", "t") == {"p-1": {0, 1}}
    flows += [sync("p-1", "g", "t/0"), sync("p-2", "g", "t/1"), sync("p-3", "g", ""), sync("p-4", "another", "t/1")]
    assert kafka.owners("g", "t") == {"p-1": {0}, "p-2": {1}, "p-3": set()}


def test_starting_over_leaves_nothing(kafka: Kafka) -> None:
    name = topic()
    kafka.produce(name, "1")
    kafka.start_over()
    assert kafka.records(name) == []
    assert kafka.produce(name, "2").offset == 0


def test_a_cluster_that_cannot_be_emptied_is_refused(cluster: MockCluster) -> None:
    def restart() -> None:
        raise ControlError("kafka is not the lab's to restart")

    with pytest.raises(CannotTell, match="the lab can empty"):
        Kafka(cluster.address, list, restart).start_over()


def test_a_kafka_that_is_not_there_is_our_own_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instrument, "PATIENCE", 0.5)
    kafka = Kafka(f"127.0.0.1:{free_port()}", list, lambda: None)
    with pytest.raises(CannotTell, match="does not take"):
        kafka.produce("t", "1")
    with pytest.raises(CannotTell, match="does not answer"):
        kafka.records("t")
    with pytest.raises(CannotTell, match="does not answer"):
        kafka.lag("g", "t")
