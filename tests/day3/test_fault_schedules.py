"""Whatever happens on the way, once it is over nothing is lost, charged twice or left hanging.

Each test draws a schedule of faults from its seed, plays it on a live run under load, heals, and reads everybody's
books. `LAB_SOAK=20 pytest tests/day3/test_fault_schedules.py` plays twenty more, with seeds of their own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from random import SystemRandom
from typing import Any

import httpx
import pika
import pytest

from lab.day3_events.system import system
from lab.journal.event import FaultChange, Flow
from lab.journal.query import read
from lab.runtime.api import ControlError, RunOptions
from lab.runtime.client import Control
from lab.runtime.launch import launch, release
from lab.runtime.runs import RunRecord
from lab.system.model import System
from tests.brokers import rabbitmq_installed
from tests.day3.invariants import Books, broken
from tests.day3.schedules import SERVICES, schedule
from tests.waiting import eventually

RATE = 6.0
LENGTH = 14.0
STROKES = 14
PATIENCE = 60.0
"""Seconds after the last fault within which all must have come right."""
DRAWN = [SystemRandom().randrange(1_000_000) for _ in range(int(os.environ.get("LAB_SOAK", "0")))]
QUEUES = {
    "orders.user-registered",
    "orders.payment-result",
    "payments.order-created",
    "payments.order-cancelled",
    "notifications.order-outcome",
    *(f"{service}.resend-requests" for service in SERVICES),
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    return tmp_path


def hurried(system: System) -> System:
    """The system with its long pauses shortened, so that a test need not wait for them."""
    knobs = {"RETRY_DELAYS_MS": "200,1000,2000", "MAX_DELIVERIES": "40", "REMIND_AFTER_S": "5"}
    return replace(system, services=tuple(replace(s, env={**s.env, **knobs}) for s in system.services))


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Iterator[RunRecord]:
    """A live run with the seed and tier that the test is parametrized with."""
    seed, tier = request.param
    record = launch(
        hurried(system(broker="rabbitmq", saga="choreography", payments="one")),
        RunOptions(seed=seed, rate=RATE, tiers={"amqp": tier}),
    )
    try:
        yield record
    finally:
        release(record.id)
        with suppress(ControlError), Control(record.socket) as control:
            eventually(lambda: control.run() is None, 20)


def params(seeds: list[int], tier: str, *marks: Any) -> list[Any]:
    return [pytest.param((seed, tier), id=f"{tier}-{seed}", marks=marks) for seed in seeds]


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "run",
    [
        *params([1, 2, *DRAWN], "embedded"),
        *params(
            [3],
            "native",
            pytest.mark.rabbitmq,
            pytest.mark.skipif(not rabbitmq_installed(), reason="RabbitMQ is not installed"),
        ),
    ],
    indirect=True,
)
def test_nothing_is_lost_charged_twice_or_left_hanging(run: RunRecord, request: pytest.FixtureRequest) -> None:
    seed, tier = request.node.callspec.params["run"]
    with Control(run.socket) as control:
        eventually(lambda: control.run().state == "ready", 60)
        strokes = schedule(seed, length=LENGTH, strokes=STROKES, spare_broker=tier == "native")
        began = time.monotonic()
        for stroke in strokes:
            time.sleep(max(0.0, began + stroke.at - time.monotonic()))
            with suppress(ControlError):  # a process that is down already cannot be killed
                control.add_fault(stroke.text, "schedule")
        time.sleep(max(0.0, began + LENGTH - time.monotonic()))
        heal(control)
        control.set_rate(0)
        try:
            eventually(lambda: not broken(books(control, run)), PATIENCE, every=0.5)
        except AssertionError:
            told = "\n".join(f"  {stroke.at:5.2f}s {stroke.text}" for stroke in strokes)
            promises = "\n".join(f"  {promise}" for promise in broken(books(control, run))[:20])
            pytest.fail(f"seed {seed}, {tier}\n{told}\nbroken:\n{promises}\njournal: {run.journal}")
        assert len(list(books(control, run).orders)) > LENGTH, "the load was too thin to prove anything"


def heal(control: Control) -> None:
    """End all faults, and start again what a schedule stopped for good."""
    control.heal()
    for process in control.processes():
        if process.state in ("stopped", "failed", "backoff"):
            control.act(process.name, "restart")
    eventually(lambda: all(process.state == "ready" for process in control.processes()), PATIENCE)


def books(control: Control, run: RunRecord) -> Books:
    """Everybody's books, read directly and not through a tap. A service that does not answer yet has empty ones, but
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
                waiting=depths(urls["broker"]),
                parked=parked(urls["broker"]),
                promised=sum(
                    isinstance(event, Flow) and (event.op, event.status, event.outcome) == ("POST /orders", "201", "ok")
                    for event in events
                    if not event_was_faked(event)
                ),
                poisoned=sum(
                    isinstance(event, FaultChange) and event.change == "hit" and event.text.startswith("poison")
                    for event in events
                ),
            )
    except (httpx.HTTPError, pika.exceptions.AMQPError, OSError) as error:
        return Books([{"id": repr(error)}], [], [], [], [])


def event_was_faked(event: Any) -> bool:
    """Whether the answer was a fault's and not the service's."""
    return bool(event.faults) if isinstance(event, Flow) else False


def pages(http: httpx.Client, url: str) -> list[dict[str, Any]]:
    """All items of a list that comes in pages."""
    found: list[dict[str, Any]] = []
    while True:
        after = found[-1]["id"] if found else ""
        page = http.get(url, params={"limit": 500, "after": after}).json()["items"]
        found += page
        if len(page) < 500:
            return found


def depths(url: str) -> dict[str, int]:
    with closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
        channel = connection.channel()
        names = [name for queue in QUEUES for name in (queue, *(f"{queue}.retry.{ms}" for ms in (200, 1000, 2000)))]
        return {name: channel.queue_declare(name, passive=True).method.message_count for name in names}


def parked(url: str) -> dict[str, list[bytes]]:
    """The bodies in the dead-letter queues, which stay there."""
    found: dict[str, list[bytes]] = {}
    with closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
        channel = connection.channel()
        for queue in QUEUES:
            while (got := channel.basic_get(f"{queue}.dlq"))[2] is not None:
                found.setdefault(queue, []).append(got[2])
    return found
