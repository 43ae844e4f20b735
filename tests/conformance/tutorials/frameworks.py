"""The basic use of FastStream, Celery and kombu, unchanged, as their front pages show it."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import kombu
import pytest
from faststream.rabbit import RabbitBroker

from tests.conformance.tutorials.programs import HERE, Stage, stage

__all__ = ["stage"]
URL = f"amqp://guest:guest@127.0.0.1:{os.environ['CONFORMANCE_AMQP']}//"


def with_faststream(use: Callable[[RabbitBroker], Awaitable[Any]]) -> Any:
    """The result of using a connected FastStream broker object as a client."""

    async def connected() -> Any:
        async with RabbitBroker(URL) as broker:
            return await use(broker)

    return asyncio.run(connected())


def test_faststream_events_flow_through_a_topic_exchange(stage: Stage) -> None:
    app = stage.start("faststream_app.py", until="ready")
    with_faststream(lambda broker: broker.publish({"id": 7}, exchange="faststream.events", routing_key="order.created"))
    app.says("order 7")
    app.says("confirmed 7")


def test_faststream_redelivers_what_was_refused(stage: Stage) -> None:
    app = stage.start("faststream_app.py", until="ready")
    with_faststream(lambda broker: broker.publish("9", exchange="faststream.events", routing_key="refund.card.ok"))
    app.says("refund 9")
    app.says("refund 9 again")


def test_faststream_sends_what_fails_to_the_dead_letters(stage: Stage) -> None:
    app = stage.start("faststream_app.py", until="ready")
    with_faststream(lambda broker: broker.publish({"no": 1}, exchange="faststream.events", routing_key="order.created"))
    app.says("dead {'no': 1} rejected of faststream.orders")


def test_faststream_asks_and_is_answered_directly(stage: Stage) -> None:
    stage.start("faststream_app.py", until="ready")
    answer = with_faststream(lambda broker: broker.request(21, "faststream.double", timeout=10))
    assert answer.body == b"42"


@pytest.fixture(params=["classic", "quorum"])
def celery(request: pytest.FixtureRequest, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The tasks of celery_app, with a worker that serves them."""
    monkeypatch.setenv("CELERY_QUEUE_TYPE", request.param)
    monkeypatch.setenv("CELERY_QUEUE", f"celery-{request.param}")
    monkeypatch.syspath_prepend(str(HERE))
    worker = ["-m", "celery", "-A", "celery_app", "worker", "--pool", "solo", "--loglevel", "WARNING"]
    stage.start(*worker, "-n", f"worker-{request.param}")
    monkeypatch.delitem(__import__("sys").modules, "celery_app", raising=False)
    module = __import__("celery_app")
    yield module
    module.app.close()


def test_celery_runs_tasks_and_returns_results(celery: Any) -> None:
    assert celery.add.delay(2, 2).get(timeout=40) == 4
    assert [result.get(timeout=20) for result in [celery.add.delay(n, n) for n in range(20)]] == [*range(0, 40, 2)]


def test_celery_retries_and_reports_failure(celery: Any) -> None:
    assert celery.third_time_lucky.delay().get(timeout=60) == 2
    with pytest.raises(ValueError, match="as asked"):
        celery.fail.delay().get(timeout=20)


def test_celery_runs_a_task_later(celery: Any) -> None:
    celery.add.delay(1, 1).get(timeout=40)
    asked = time.monotonic()
    assert celery.add.apply_async((3, 4), countdown=1).get(timeout=30) == 7
    assert time.monotonic() - asked >= 0.9


def test_celery_workers_answer_to_inspection(celery: Any) -> None:
    celery.add.delay(1, 1).get(timeout=40)
    answers = celery.app.control.ping(timeout=3)
    assert [answer for worker in answers for answer in worker.values()] == [{"ok": "pong"}]


def test_kombu_produces_and_consumes() -> None:
    exchange = kombu.Exchange("kombu.media", "direct", durable=True)
    queue = kombu.Queue("kombu.video", exchange=exchange, routing_key="video")
    received: list[Any] = []

    def on_message(body: Any, message: kombu.Message) -> None:
        received.append(body)
        message.ack()

    with kombu.Connection(URL) as connection:
        producer = connection.Producer(serializer="json")
        for size in (1, 2):
            producer.publish(
                {"size": size}, exchange=exchange, routing_key="video", declare=[queue], retry=True, priority=size
            )
        with connection.Consumer(queue, callbacks=[on_message]):
            while len(received) < 2:
                connection.drain_events(timeout=10)
    assert received == [{"size": 1}, {"size": 2}]


def test_kombu_gives_up_waiting_in_time() -> None:
    queue = kombu.Queue("kombu.silent", auto_delete=True)
    with kombu.Connection(URL) as connection, connection.Consumer(queue), pytest.raises(socket.timeout):
        connection.drain_events(timeout=0.2)


def test_kombu_simple_queue() -> None:
    with kombu.Connection(URL) as connection, connection.SimpleQueue("kombu.simple") as queue:
        for number in range(3):
            queue.put({"number": number})
        for number in range(3):
            message = queue.get(timeout=10)
            assert message.payload == {"number": number}
            message.ack()
        with pytest.raises(queue.Empty):
            queue.get(block=False)


def test_kombu_priorities_and_time_to_live() -> None:
    urgent = kombu.Queue("kombu.urgent", max_priority=5, auto_delete=True)
    brief = kombu.Queue("kombu.brief", message_ttl=0.05, expires=5)
    with kombu.Connection(URL) as connection, connection.channel() as channel:
        producer = kombu.Producer(channel)
        for priority in (0, 3, 5, 1):
            producer.publish(str(priority), routing_key="kombu.urgent", declare=[urgent], priority=priority)
        bound = urgent(channel)
        assert [bound.get(no_ack=True).payload for _ in range(4)] == ["5", "3", "1", "0"]
        producer.publish("gone", routing_key="kombu.brief", declare=[brief])
        time.sleep(0.5)  # the subject: time passes
        assert brief(channel).get() is None


def test_kombu_broadcasts_and_returns() -> None:
    returned: list[int] = []
    with kombu.Connection(URL) as connection, connection.channel() as channel:
        fanout = kombu.Exchange("kombu.all", "fanout", durable=False, auto_delete=True)
        queues = [kombu.Queue("", fanout, exclusive=True)(channel) for _ in range(3)]
        for queue in queues:
            queue.declare()
        kombu.Producer(channel).publish("hi", exchange=fanout)
        assert [queue.get(no_ack=True).payload for queue in queues] == ["hi", "hi", "hi"]
        producer = kombu.Producer(channel, on_return=lambda error, *_: returned.append(error.reply_code))
        producer.publish("lost", routing_key="kombu.nowhere", mandatory=True)
        connection.drain_events(timeout=10)
    assert returned == [312]
