"""Wednesday's services on Kafka: the same handlers, and the same promises under Kafka's own mishaps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from confluent_kafka import KafkaException

from lab.chassis.broker import EVENTS
from lab.day3_events.system import system
from lab.journal.event import FaultChange, Flow
from lab.journal.query import read
from lab.runtime.api import ControlError, RunOptions
from lab.runtime.client import Control
from lab.runtime.launch import launch, release
from lab.runtime.runs import RunRecord
from lab.system.model import System
from tests.day3.invariants import Books, broken
from tests.day3.schedules import KAFKA_ONLY, SERVICES, schedule
from tests.day3.test_fault_schedules import DRAWN, LENGTH, STROKES, event_was_faked, heal, hurried, pages
from tests.kafka_cluster import lag, stored
from tests.waiting import eventually

RATE = 6.0
PATIENCE = 60.0

Stroke = tuple[float, str]
MISHAPS: dict[str, list[Stroke]] = {
    "a consumer is killed": [(3, "kill payments"), (7, "kill orders"), (9, "kill notifications")],
    "groups rebalance": [(2, "rebalance payments->broker for 5s"), (6, "freeze orders for 4s")],
    "commits are lost": [(2, "lose-commit payments->broker x2"), (3, "lose-commit orders->broker x2")],
    "confirms are lost, publishes doubled": [
        (2, "lose-confirm orders->broker x3"),
        (4, "duplicate-publish payments->broker 50% for 4s"),
        (4, "duplicate-publish users->broker 50% for 4s"),
    ],
    "records come as garbage": [(2, "poison payments->broker x2"), (4, "poison orders->broker x2")],
    "links fail": [
        (2, "reset payments->broker"),
        (3, "blackhole orders->broker for 4s"),
        (5, "latency notifications->broker 400ms for 4s"),
        (7, "refuse payments->broker for 3s"),
    ],
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    return tmp_path


def on_kafka() -> System:
    """Wednesday's system on Kafka, with groups that wait less long for the dead."""
    found = system(broker="kafka", saga="choreography", payments="one")
    knobs = {"KAFKA_SESSION_TIMEOUT_MS": "3000"}
    return replace(found, services=tuple(replace(one, env={**one.env, **knobs}) for one in found.services))


@pytest.fixture
def run() -> Iterator[RunRecord]:
    record = launch(hurried(on_kafka()), RunOptions(seed=1, rate=RATE))
    try:
        yield record
    finally:
        release(record.id)
        with suppress(ControlError), Control(record.socket) as control:
            eventually(lambda: control.run() is None, 20)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("mishap", MISHAPS)
def test_nothing_is_lost_charged_twice_or_left_hanging(run: RunRecord, mishap: str) -> None:
    with Control(run.socket) as control:
        survives(control, run, MISHAPS[mishap], 11)
        hit = {event.fault for event in read(run.journal) if isinstance(event, FaultChange) and event.victims}
        wanted = {text.partition(" ")[0] for _, text in MISHAPS[mishap]}
        assert wanted - hit <= {"kill", "freeze", "refuse"}, "a fault hit nothing"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", [4, *DRAWN])
def test_nothing_is_lost_whatever_happens(run: RunRecord, seed: int) -> None:
    strokes = schedule(seed, length=LENGTH, strokes=STROKES, spare_broker=True, messages=KAFKA_ONLY)
    with Control(run.socket) as control:
        survives(control, run, [(stroke.at, stroke.text) for stroke in strokes], LENGTH)


def survives(control: Control, run: RunRecord, strokes: list[Stroke], length: float) -> None:
    """Play these on the run; when all is healed, all must come right."""
    eventually(lambda: control.run().state == "ready", 60)
    began = time.monotonic()
    for at, text in strokes:
        time.sleep(max(0.0, began + at - time.monotonic()))
        with suppress(ControlError):  # a process that is down already cannot be killed
            control.add_fault(text, "mishap")
    time.sleep(max(0.0, began + length - time.monotonic()))
    heal(control)
    control.set_rate(0)
    try:
        eventually(lambda: not broken(books(control, run)), PATIENCE, every=0.5)
    except AssertionError:
        told = "\n".join(f"  {at:5.2f}s {text}" for at, text in strokes)
        promises = "\n".join(f"  {promise}" for promise in broken(books(control, run))[:20])
        pytest.fail(f"{told}\nbroken:\n{promises}\njournal: {run.journal}")
    assert len(list(books(control, run).orders)) > length, "the load was too thin to prove anything"


def test_one_order_is_followed_over_its_records(run: RunRecord) -> None:
    with Control(run.socket) as control:
        eventually(lambda: control.run().state == "ready", 60)
        url = next(link.url for link in control.run().links if link.id == "client->users")
        orders = next(link.url for link in control.run().links if link.id == "client->orders")
        with httpx.Client(timeout=5, trust_env=False) as http:
            user = http.post(f"{url}/users", json={"email": "one@example.uz", "name": "One"}).json()["id"]
            body = {"user_id": user, "amount": 5000}
            eventually(lambda: http.post(f"{orders}/orders", json=body, headers={"X-Request-ID": "c-1"}).is_success)

        def told() -> set[tuple[str, str, str]]:
            control.flush()
            flows = [event for event in read(run.journal) if isinstance(event, Flow) and event.correlation == "c-1"]
            return {(flow.source, flow.op.partition(" ")[0], flow.routing_key) for flow in flows}

        eventually(
            lambda: (
                told()
                >= {
                    ("orders", "produce", "order.created"),
                    ("orders", "confirm", "order.created"),
                    ("payments", "fetch", "order.created"),
                    ("payments", "commit", "order.created"),
                    ("payments", "produce", "payment.approved"),
                    ("orders", "fetch", "payment.approved"),
                    ("notifications", "fetch", "order.confirmed"),
                }
            )
        )


def books(control: Control, run: RunRecord) -> Books:
    """Everybody's books, read directly and not through a tap; a service that does not answer yet has empty ones, but
    for one promise that nobody can keep."""
    urls = {process.name: process.url for process in control.processes()}
    events = list(read(run.journal))
    try:
        with httpx.Client(timeout=5, trust_env=False) as http:
            return Books(
                users=pages(http, f"{urls['users']}/users"),
                customers=pages(http, f"{urls['orders']}/customers"),
                orders=pages(http, f"{urls['orders']}/orders"),
                charges=http.get(f"{urls['provider']}/charges").json()["items"],
                mails=http.get(f"{urls['mail']}/mails").json()["items"],
                unsent={name: http.get(f"{urls[name]}/admin/outbox").json()["pending"] for name in SERVICES},
                waiting={name: lag(urls["broker"], name, EVENTS) for name in SERVICES},
                parked={name: [body.encode() for body in stored(urls["broker"], f"{name}.dlq")] for name in SERVICES},
                promised=sum(
                    isinstance(event, Flow) and (event.op, event.status, event.outcome) == ("POST /orders", "201", "ok")
                    for event in events
                    if not event_was_faked(event)
                ),
                poisoned=sum(
                    isinstance(event, FaultChange) and event.change == "hit" and event.fault == "poison"
                    for event in events
                ),
            )
    except (httpx.HTTPError, KafkaException) as error:
        return Books([{"id": repr(error)}], [], [], [], [])
