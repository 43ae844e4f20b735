"""The chassis on Kafka: what services rely on holds as it does on RabbitMQ."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from lab.chassis.broker import EVENTS
from lab.chassis.database import Database
from lab.chassis.events import Event
from lab.chassis.ids import correlated, correlation_id
from lab.chassis.messaging import TABLES, Messaging
from lab.chassis.retry import Rejected, TryLater
from lab.chassis.settings import MessagingSettings, SettingsError
from tests.chassis import traced
from tests.kafka_cluster import SESSION_MS, MockCluster, lag, produced, producer, stored
from tests.waiting import eventually


class Fact(BaseModel):
    n: int


@dataclass
class Bench:
    """Makes services on the cluster; their names, and so their groups and topics, are this test's own."""

    cluster: MockCluster
    folder: Path
    stack: ExitStack
    prefix: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:8]}")

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.cluster.port}"

    def service(self, name: str, handlers: dict[str, Callable[[Event], None]] | None = None, **knobs: Any) -> Messaging:
        """A started service, whose handlers are called by the type of event that they are for."""
        service = f"{self.prefix}-{name}"
        settings = MessagingSettings(
            service_name=service,
            database_url=f"sqlite:///{self.folder}/{service}.db",
            kafka_bootstrap=self.address,
            kafka_session_timeout_ms=SESSION_MS,
            **{"retry_delays_ms": (100, 300), "max_deliveries": 3, **knobs},
        )
        database = Database(settings.database_url)
        database.create_tables(*TABLES)
        messaging = Messaging(settings, database)
        for kind, handler in (handlers or {}).items():
            messaging.subscribe(f"{service}.{kind}", [self.type(kind)], handler)
        messaging.start()
        self.stack.callback(database.close)
        self.stack.callback(messaging.stop)
        eventually(lambda: not any(check() for check in messaging.checks.values()))
        return messaging

    def type(self, kind: str) -> str:
        return f"{self.prefix}.{kind}"

    def tell(self, messaging: Messaging, kind: str, n: int, entity: str = "", correlation: str = "") -> None:
        with correlated(correlation), messaging.transaction() as transaction:
            transaction.announce(self.type(kind), Fact(n=n), entity=entity or str(n))

    def parked(self, name: str) -> list[str]:
        return stored(self.address, f"{self.prefix}-{name}.dlq")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockCluster]:
    cluster = MockCluster(tmp_path_factory.mktemp("kafka"))
    with cluster:
        yield cluster


@pytest.fixture
def bench(cluster: MockCluster, tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(cluster, tmp_path, stack)


def test_an_event_reaches_each_service_once_with_its_correlation_id(bench: Bench) -> None:
    got: list[tuple[str, int, str]] = []

    def handler(name: str) -> Callable[[Event], None]:
        return lambda event: got.append((name, event.data["n"], correlation_id()))

    bench.service("a", {"happened": handler("a")})
    bench.service("b", {"happened": handler("b"), "other": handler("none")})
    bench.tell(bench.service("producer"), "happened", 7, correlation="c-7")
    eventually(lambda: len(got) == 2)
    assert sorted(got) == [("a", 7, "c-7"), ("b", 7, "c-7")]
    eventually(lambda: lag(bench.address, f"{bench.prefix}-a", EVENTS) == 0)


def test_events_of_one_entity_come_in_order_and_those_of_others_side_by_side(bench: Bench) -> None:
    got: dict[str, list[int]] = {"x": [], "y": [], "z": [], "w": []}
    together = threading.Barrier(2, timeout=10)
    met = threading.Event()

    def handle(event: Event) -> None:
        n = event.data["n"]
        if n == 0 and not met.is_set():
            together.wait()
            met.set()
        got["xyzw"[n // 10] if n else "x"].append(n)

    service = bench.service("producer")
    for n in range(1, 8):
        for at, entity in enumerate("xyzw"):
            bench.tell(service, "happened", 10 * at + n, entity)
    bench.service("consumer", {"happened": handle})
    eventually(lambda: all(len(numbers) == 7 for numbers in got.values()))
    assert all(numbers == sorted(numbers) for numbers in got.values())


def test_what_fails_is_tried_again_later_and_holds_up_nobody(bench: Bench) -> None:
    done: list[tuple[int, float]] = []
    tries: list[float] = []

    def handle(event: Event) -> None:
        if event.data["n"] == 0:
            tries.append(time.monotonic())
            if len(tries) < 3:
                raise TryLater("not now")
        done.append((event.data["n"], time.monotonic()))

    bench.service("consumer", {"happened": handle})
    service = bench.service("producer")
    for n in range(6):
        bench.tell(service, "happened", n, entity="the same")
    eventually(lambda: len(done) == 6)
    assert [n for n, _ in done] == [1, 2, 3, 4, 5, 0]
    assert tries[1] - tries[0] >= 0.1
    assert tries[2] - tries[1] >= 0.3


def test_what_cannot_be_handled_is_parked_and_comes_back_when_it_is_replayed(bench: Bench) -> None:
    done: list[int] = []
    sick = threading.Event()
    sick.set()

    def handle(event: Event) -> None:
        if sick.is_set():
            raise Rejected("never")
        done.append(event.data["n"])

    consumer = bench.service("consumer", {"happened": handle})
    bench.tell(bench.service("producer"), "happened", 3)
    eventually(lambda: len(bench.parked("consumer")) == 1)
    sick.clear()
    assert consumer._broker.replay() == 1
    eventually(lambda: done == [3])
    assert consumer._broker.replay() == 0


def test_a_message_that_cannot_be_read_is_parked_and_a_clean_copy_asked_for(bench: Bench) -> None:
    got: list[int] = []
    bench.service("consumer", {"happened": lambda event: got.append(event.data["n"])})
    service = bench.service("producer")
    bench.tell(service, "happened", 1)
    eventually(lambda: got == [1])
    (clean,) = [body for body in stored(bench.address, EVENTS) if bench.type("happened") in body]
    ident = clean.split('"id":"')[1].split('"')[0]
    with producer(bench.address) as client:
        client.produce(EVENTS, "#" + clean[1:], headers={"ce_id": ident})
    eventually(lambda: got == [1, 1])
    assert "#" + clean[1:] in bench.parked("consumer")


def test_instances_share_the_work_and_one_that_leaves_hands_over_what_it_had_not_begun(bench: Bench) -> None:
    got: list[tuple[str, int]] = []

    def handler(name: str) -> Callable[[Event], None]:
        def handle(event: Event) -> None:
            time.sleep(0.2)
            got.append((name, event.data["n"]))

        return handle

    def worked() -> set[str]:
        return {name for name, _ in got}

    first = bench.service("consumer", {"happened": handler("first")})
    bench.service("consumer", {"happened": handler("second")})
    service = bench.service("producer")
    warming = itertools.count(1000)

    def shared() -> bool:
        """Whether each has its part. While they share out, the group accepts no commit, and what was handled comes
        again to whoever gets the partition."""
        bench.tell(service, "happened", next(warming))
        return worked() == {"first", "second"}

    eventually(shared, every=0.2)
    eventually(lambda: lag(bench.address, f"{bench.prefix}-consumer", EVENTS) == 0)
    got.clear()

    for n in range(100):
        bench.tell(service, "happened", n)
    eventually(lambda: worked() == {"first", "second"})
    first.stop()
    eventually(lambda: len({n for _, n in got}) == 100, 40)
    assert sorted(n for _, n in got) == list(range(100))


def test_a_partition_that_was_held_back_and_comes_back_is_read_on(bench: Bench) -> None:
    began: set[str] = set()
    done: set[int] = set()
    go_on = threading.Event()

    def handler(name: str) -> Callable[[Event], None]:
        def handle(event: Event) -> None:
            began.add(name)
            go_on.wait(20)
            done.add(event.data["n"])

        return handle

    service = bench.service("producer")
    for n in range(80):  # of each partition more than a consumer takes in hand
        bench.tell(service, "happened", n)
    bench.service("consumer", {"happened": handler("first")}, prefetch=2)
    eventually(lambda: began == {"first"})
    second = bench.service("consumer", {"happened": handler("second")}, prefetch=2)
    eventually(lambda: began == {"first", "second"})
    go_on.set()
    second.stop()
    eventually(lambda: len(done) == 80, 40)


def test_while_the_broker_is_away_events_wait_in_the_outbox(tmp_path: Path) -> None:
    got: list[int] = []
    cluster = MockCluster(tmp_path / "kafka")
    with ExitStack() as stack:
        stack.callback(cluster.kill)
        cluster.start()
        bench = Bench(cluster, tmp_path, stack)
        consumer = bench.service("consumer", {"happened": lambda event: got.append(event.data["n"])})
        service = bench.service("producer")
        cluster.kill()
        eventually(lambda: service.checks["publisher"]() and consumer.checks["consumer"]())
        bench.tell(service, "happened", 1)
        time.sleep(0.3)  # it would be announced by now
        cluster.start()
        eventually(lambda: set(got) == {1}, 30)
        eventually(lambda: not (service.checks["publisher"]() or consumer.checks["consumer"]()))


def test_a_service_needs_one_of_the_brokers() -> None:
    with pytest.raises(SettingsError, match="neither AMQP_URL nor KAFKA_BOOTSTRAP is set"):
        MessagingSettings(service_name="s", database_url="sqlite://")


def test_nothing_is_said_of_topics_that_are_not_there_yet(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    with producer(bench.address) as client:
        produced(client, EVENTS, "{}")
    bench.service("consumer", {"happened": lambda _: None})
    assert not [line for line in caplog.records if "cannot fetch" in line.message]


def test_a_trace_goes_on_in_the_header_of_a_message_also_after_a_retry(bench: Bench) -> None:
    traced.goes_on_in_the_header_of_a_message_also_after_a_retry(bench)
