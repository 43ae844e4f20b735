"""Publisher, consumer, retries and dead letters, on a real broker over a real socket."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pika
import pytest
from pydantic import BaseModel

from lab.chassis.broker import NotPublished, Outgoing, Unroutable
from lab.chassis.database import Database
from lab.chassis.events import Event, happened
from lab.chassis.ids import correlated, correlation_id
from lab.chassis.messaging import TABLES, Messaging
from lab.chassis.publisher import Publisher
from lab.chassis.retry import Rejected, TryLater
from lab.chassis.settings import MessagingSettings
from lab.chassis.topology import EXCHANGE
from tests.brokers import PrivateBroker
from tests.chassis import traced
from tests.waiting import eventually


class Fact(BaseModel):
    n: int


@dataclass
class Bench:
    """Makes services on the broker, and looks at the broker from the side."""

    broker: PrivateBroker
    folder: Path
    stack: ExitStack
    prefix: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:8]}")

    def service(self, name: str, handlers: dict[str, Callable[[Event], None]] | None = None, **knobs: Any) -> Messaging:
        """A started service; a handler's event type is also the name of its queue. Names are this test's own."""
        service = f"{self.prefix}-{name}"
        settings = MessagingSettings(
            service_name=service,
            database_url=f"sqlite:///{self.folder}/{service}.db",
            **{"amqp_url": self.broker.url, "retry_delays_ms": (100, 300), "max_deliveries": 3, **knobs},
        )
        database = Database(settings.database_url)
        database.create_tables(*TABLES)
        messaging = Messaging(settings, database)
        for kind, handler in (handlers or {}).items():
            messaging.subscribe(self.queue(name, kind), [self.type(kind)], handler)
        messaging.start()
        self.stack.callback(database.close)
        self.stack.callback(messaging.stop)
        eventually(lambda: not any(check() for check in messaging.checks.values()))
        return messaging

    def type(self, kind: str) -> str:
        return f"{self.prefix}.{kind}"

    def queue(self, name: str, kind: str) -> str:
        return f"{self.prefix}-{name}.{kind}"

    def tell(self, messaging: Messaging, kind: str, n: int, correlation: str = "") -> None:
        with correlated(correlation), messaging.transaction() as transaction:
            transaction.announce(self.type(kind), Fact(n=n), entity=str(n))

    def inject(self, routing_key: str, body: bytes, exchange: str = "", **properties: Any) -> None:
        with closing(pika.BlockingConnection(pika.URLParameters(self.broker.url))) as connection:
            channel = connection.channel()
            channel.basic_publish(exchange, routing_key, body, pika.BasicProperties(**properties))

    def depth(self, queue: str) -> int:
        with closing(pika.BlockingConnection(pika.URLParameters(self.broker.url))) as connection:
            return int(connection.channel().queue_declare(queue, passive=True).method.message_count)

    def take(self, queue: str) -> tuple[pika.BasicProperties, bytes]:
        with closing(pika.BlockingConnection(pika.URLParameters(self.broker.url))) as connection:
            _, properties, body = connection.channel().basic_get(queue, auto_ack=True)
            assert properties is not None
            assert body is not None
            return properties, body

    def publisher(self) -> Publisher:
        publisher = Publisher(self.broker.url, self.prefix)
        publisher.start()
        self.stack.callback(publisher.stop)
        eventually(lambda: publisher.connected)
        return publisher


@pytest.fixture
def bench(any_broker: PrivateBroker, tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(any_broker, tmp_path, stack)


@pytest.fixture
def embedded(broker: PrivateBroker, tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(broker, tmp_path, stack)


def test_what_is_done_after_a_commit_is_done_before_anybody_hears_of_it(bench: Bench) -> None:
    seen: list[str] = []
    bench.service("a", {"happened": lambda _: seen.append("heard")})
    producer = bench.service("producer")
    with producer.transaction() as transaction:
        transaction.announce(bench.type("happened"), Fact(n=1), entity="1")
        transaction.afterwards.append(lambda: seen.append("committed"))
        seen.append("wrote")
    eventually(lambda: "heard" in seen)
    assert seen == ["wrote", "committed", "heard"]
    with suppress(ZeroDivisionError), producer.transaction() as transaction:
        transaction.afterwards.append(lambda: seen.append("committed"))
        raise ZeroDivisionError
    assert seen == ["wrote", "committed", "heard"]


def test_an_event_reaches_each_subscriber_once_with_its_correlation_id(bench: Bench) -> None:
    got: list[tuple[str, int, str]] = []

    def handler(name: str) -> Callable[[Event], None]:
        return lambda event: got.append((name, event.data["n"], correlation_id()))

    bench.service("a", {"happened": handler("a")})
    bench.service("b", {"happened": handler("b")})
    producer = bench.service("producer")
    bench.tell(producer, "happened", 7, "abc")
    eventually(lambda: len(got) == 2)
    assert sorted(got) == [("a", 7, "abc"), ("b", 7, "abc")]


def test_what_fails_for_now_is_tried_again_later_and_holds_up_nobody(bench: Bench) -> None:
    tries: list[tuple[int, float]] = []

    def handle(event: Event) -> None:
        tries.append((event.data["n"], time.monotonic()))
        if event.data["n"] == 0 and [n for n, _ in tries].count(0) < 3:
            raise TryLater("not yet")

    bench.service("consumer", {"happened": handle})
    producer = bench.service("producer")
    for n in range(5):
        bench.tell(producer, "happened", n)
    eventually(lambda: [n for n, _ in tries].count(0) == 3)
    failing = [moment for n, moment in tries if n == 0]
    assert failing[1] - failing[0] >= 0.09
    assert failing[2] - failing[1] >= 0.28
    assert {n for n, moment in tries if moment < failing[2]} == {0, 1, 2, 3, 4}
    assert bench.depth(bench.queue("consumer", "happened.dlq")) == 0


@pytest.mark.parametrize(("error", "tries"), [(TryLater("no"), 3), (ValueError("bug"), 3), (Rejected("never"), 1)])
def test_what_fails_for_good_is_parked_with_its_reason_and_body(bench: Bench, error: Exception, tries: int) -> None:
    tried: list[Event] = []

    def handle(event: Event) -> None:
        tried.append(event)
        raise error

    bench.service("consumer", {"happened": handle})
    bench.tell(bench.service("producer"), "happened", 7, "abc")
    parked = bench.queue("consumer", "happened.dlq")
    eventually(lambda: bench.depth(parked) == 1)
    assert len(tried) == tries
    properties, body = bench.take(parked)
    assert str(error) in properties.headers["x-error"]
    assert (properties.message_id, properties.correlation_id) == (tried[0].id, "abc")
    assert body == tried[0].to_json().encode()


def test_an_unreadable_message_is_parked_and_a_clean_copy_asked_for(bench: Bench) -> None:
    got: list[Event] = []
    producer = bench.service("producer")
    bench.service("consumer", {"happened": got.append})
    bench.tell(producer, "happened", 1)
    eventually(lambda: len(got) == 1)
    # The producer's event 1 arrives a second time, in a copy that was damaged on the way.
    bench.inject(bench.queue("consumer", "happened"), b"\x00garbage", message_id=got[0].id, correlation_id="abc")
    eventually(lambda: len(got) == 2)
    assert got[1] == got[0]
    parked = bench.queue("consumer", "happened.dlq")
    eventually(lambda: bench.depth(parked) == 1)
    properties, body = bench.take(parked)
    assert body == b"\x00garbage"
    assert "unreadable" in properties.headers["x-error"]


def test_a_clean_copy_is_not_asked_for_without_end(bench: Bench) -> None:
    bench.service("consumer", {"happened": lambda _: None})
    questions: list[str] = []
    spy = bench.service("spy")
    with closing(pika.BlockingConnection(pika.URLParameters(bench.broker.url))) as connection:
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, EXCHANGE, "event.resend-requested")
        for _ in range(8):
            bench.inject(bench.queue("consumer", "happened"), b"garbage", message_id=f"unknown-{bench.prefix}")
        eventually(lambda: bench.depth(bench.queue("consumer", "happened.dlq")) == 8)
        bench.tell(spy, "fence", 1)

        def gather() -> bool:
            _, _, body = channel.basic_get(queue, auto_ack=True)
            if body is not None:
                questions.append(body.decode())
            return len(questions) >= 5

        eventually(gather)
        connection.process_data_events(0.3)
        gather()
    assert len([question for question in questions if bench.prefix in question]) == 5


def test_garbage_without_an_id_is_parked_and_the_queue_goes_on(bench: Bench) -> None:
    got: list[int] = []
    bench.service("consumer", {"happened": lambda event: got.append(event.data["n"])})
    queue = bench.queue("consumer", "happened")
    bench.inject(queue, b"not json")
    bench.inject(queue, b'{"specversion": "2.0"}')
    bench.tell(bench.service("producer"), "happened", 7)
    eventually(lambda: got == [7] and bench.depth(f"{queue}.dlq") == 2)


def test_an_event_of_another_type_in_the_queue_is_passed_over(bench: Bench) -> None:
    got: list[int] = []
    bench.service("consumer", {"happened": lambda event: got.append(event.data["n"])})
    queue = bench.queue("consumer", "happened")
    bench.inject(queue, happened("something.else", "x", Fact(n=1)).to_json().encode())
    bench.tell(bench.service("producer"), "happened", 7)
    eventually(lambda: got == [7])
    eventually(lambda: bench.depth(queue) == 0)
    assert bench.depth(f"{queue}.dlq") == 0


def test_replaying_the_dead_letters_gives_each_a_first_attempt_again(bench: Bench) -> None:
    from starlette.routing import Route

    got: list[int] = []
    broken = threading.Event()
    broken.set()

    def handle(event: Event) -> None:
        if broken.is_set():
            raise TryLater("down")
        got.append(event.data["n"])

    consumer = bench.service("consumer", {"happened": handle})
    producer = bench.service("producer")
    for n in range(3):
        bench.tell(producer, "happened", n)
    parked = bench.queue("consumer", "happened.dlq")
    eventually(lambda: bench.depth(parked) == 3)
    broken.clear()
    replay = next(
        route for route in consumer.router().routes if isinstance(route, Route) and route.path == "/admin/dlq/replay"
    )
    assert replay.endpoint() == {"replayed": 3}
    eventually(lambda: sorted(got) == [0, 1, 2])
    assert bench.depth(parked) == 0


def test_a_message_that_no_queue_wants_is_not_taken_for_published(bench: Bench) -> None:
    publisher = bench.publisher()
    with pytest.raises(Unroutable):
        publisher.publish(Outgoing(EXCHANGE, f"{bench.prefix}.nobody", b"x", "m1")).result(5)


def test_what_nobody_wants_yet_waits_in_the_outbox_until_somebody_does(bench: Bench) -> None:
    producer = bench.service("producer")
    bench.tell(producer, "happened", 7)
    got: list[int] = []
    bench.service("consumer", {"happened": lambda event: got.append(event.data["n"])})
    eventually(lambda: got == [7])


def test_many_threads_share_one_publisher(bench: Bench) -> None:
    bench.service("consumer", {"happened": lambda _: None})
    publisher = bench.publisher()
    queue = f"{bench.queue('consumer', 'happened')}.dlq"
    futures: list[Any] = []

    def publish() -> None:
        futures.extend([publisher.publish(Outgoing("", queue, b"x", str(uuid.uuid4()))) for _ in range(50)])

    threads = [threading.Thread(target=publish) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for future in futures:
        future.result(10)
    assert bench.depth(queue) == 400


def test_a_deleted_queue_comes_back_and_the_consumer_goes_on(bench: Bench) -> None:
    got: list[int] = []
    bench.service("consumer", {"happened": lambda event: got.append(event.data["n"])})
    with closing(pika.BlockingConnection(pika.URLParameters(bench.broker.url))) as connection:
        connection.channel().queue_delete(bench.queue("consumer", "happened"))
    bench.tell(bench.service("producer"), "happened", 7)
    eventually(lambda: got == [7])


def test_a_broker_that_dies_and_returns_loses_nothing(embedded: Bench) -> None:
    got: list[int] = []
    embedded.service("consumer", {"happened": lambda event: got.append(event.data["n"])})
    producer = embedded.service("producer")
    embedded.tell(producer, "happened", 1)
    eventually(lambda: got == [1])
    embedded.broker.kill()
    for n in (2, 3, 4):
        embedded.tell(producer, "happened", n)
    eventually(lambda: all(check() for check in producer.checks.values()))
    embedded.broker.start()
    eventually(lambda: sorted(set(got)) == [1, 2, 3, 4], 20)
    eventually(lambda: not any(check() for check in producer.checks.values()))


def test_publishing_without_a_connection_fails_at_once(embedded: Bench) -> None:
    publisher = embedded.publisher()
    embedded.broker.kill()
    eventually(lambda: not publisher.connected)
    with pytest.raises(NotPublished):
        publisher.publish(Outgoing("", "q", b"x")).result(1)


def test_what_was_not_finished_is_delivered_to_somebody_else(bench: Bench) -> None:
    """Acknowledged last: a consumer that goes away in the middle of its work has not used the message up."""
    begun, done = threading.Event(), threading.Event()
    never = threading.Event()

    def hang(_: Event) -> None:
        begun.set()
        never.wait(20)

    doomed = bench.service("consumer", {"happened": hang})
    bench.tell(bench.service("producer"), "happened", 1)
    assert begun.wait(10)
    doomed.stop()
    assert bench.depth(bench.queue("consumer", "happened")) == 1
    bench.service("consumer", {"happened": lambda _: done.set()})
    assert done.wait(10)
    never.set()


def test_a_slow_handler_does_not_cost_the_connection(embedded: Bench) -> None:
    """With a heartbeat of 1 s, four seconds of work on the connection's own thread would lose it."""
    got: list[int] = []

    def slow(event: Event) -> None:
        got.append(event.data["n"])
        threading.Event().wait(4)

    service = embedded.service("slow", {"happened": slow}, amqp_url=f"{embedded.broker.url}?heartbeat=1")
    embedded.tell(service, "happened", 1)
    eventually(lambda: got == [1])
    worked = time.monotonic() + 4.5
    eventually(lambda: time.monotonic() > worked or len(got) > 1)
    assert got == [1]
    assert not any(check() for check in service.checks.values())


def test_a_trace_goes_on_in_the_header_of_a_message_also_after_a_retry(bench: Bench) -> None:
    traced.goes_on_in_the_header_of_a_message_also_after_a_retry(bench)
