"""Wednesday's system as a live run, in each of its forms, with everybody's books."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pika
import pytest
from confluent_kafka import KafkaException

from lab.chassis.broker import EVENTS
from lab.day3_events.system import system
from lab.journal.event import Event, FaultChange, Flow
from lab.journal.query import read
from lab.runtime.api import ControlError, RunOptions
from lab.runtime.client import Control
from lab.runtime.launch import launch, release
from lab.runtime.runs import RunRecord
from tests.day3.invariants import Books, broken
from tests.day3.schedules import Stroke
from tests.kafka_cluster import lag, stored
from tests.waiting import eventually

RATE = 6.0
PATIENCE = 60.0
"""Seconds after the last fault within which all must have come right."""
KNOBS = {
    "RETRY_DELAYS_MS": "200,1000,2000",
    "MAX_DELIVERIES": "40",
    "REMIND_AFTER_S": "5",
    "SAGA_TIMEOUT_S": "8",
    "KAFKA_SESSION_TIMEOUT_MS": "3000",
}
"""The system's long pauses shortened, so that a test need not wait for them."""
SERVICES = {
    "choreography": ("users", "orders", "payments", "notifications"),
    "orchestration": ("users", "orders", "payments", "notifications", "orchestrator"),
}
QUEUES = {
    "choreography": (
        "orders.user-registered",
        "orders.payment-result",
        "payments.order-created",
        "payments.order-cancelled",
        "notifications.order-outcome",
    ),
    "orchestration": (
        "orders.user-registered",
        "orders.commands",
        "payments.charge",
        "payments.refund",
        "notifications.commands",
        "orchestrator.order-created",
        "orchestrator.answers",
    ),
}


@dataclass(frozen=True)
class Living:
    """A live run of one form of the system."""

    broker: str
    saga: str
    record: RunRecord
    control: Control

    @property
    def services(self) -> tuple[str, ...]:
        return SERVICES[self.saga]

    def events(self) -> list[Event]:
        self.control.flush()
        return list(read(self.record.journal))

    def play(self, strokes: Iterable[Stroke], length: float) -> None:
        """These faults, each at its moment."""
        began = time.monotonic()
        for stroke in strokes:
            time.sleep(max(0.0, began + stroke.at - time.monotonic()))
            self.strike(stroke.text)
        time.sleep(max(0.0, began + length - time.monotonic()))

    def strike(self, text: str) -> None:
        with suppress(ControlError):  # a process that is down already cannot be killed
            self.control.add_fault(text, "schedule")

    def met(self) -> set[str]:
        """The kinds of faults that have hit something."""
        return {event.fault for event in self.events() if isinstance(event, FaultChange) and event.victims}

    def comes_right(self, told: Iterable[Stroke], least: float) -> None:
        """End all faults and send no more visitors: then nothing may be lost, doubled or left hanging."""
        self.heal()
        self.control.set_rate(0)
        try:
            eventually(lambda: not broken(self.books()), PATIENCE, every=0.5)
        except AssertionError:
            strokes = "\n".join(f"  {stroke.at:5.2f}s {stroke.text}" for stroke in told)
            promises = "\n".join(f"  {promise}" for promise in broken(self.books())[:20])
            pytest.fail(f"{self.broker}, {self.saga}\n{strokes}\nbroken:\n{promises}\njournal: {self.record.journal}")
        assert len(list(self.books().orders)) > least, "the load was too thin to prove anything"

    def heal(self) -> None:
        """End all faults, and start again what they stopped for good."""
        self.control.heal()
        for process in self.control.processes():
            if process.state in ("stopped", "failed", "backoff"):
                self.control.act(process.name, "restart")
        eventually(lambda: all(process.state == "ready" for process in self.control.processes()), PATIENCE)

    def books(self) -> Books:
        """Everybody's books, read directly and not through a tap. A service that does not answer yet has empty ones,
        but for one promise that nobody can keep."""
        urls = {process.name: process.url for process in self.control.processes()}
        events = self.events()
        kafka = self.broker == "kafka"
        try:
            with httpx.Client(timeout=5, trust_env=False) as http:
                return Books(
                    users=pages(http, f"{urls['users']}/users"),
                    customers=pages(http, f"{urls['orders']}/customers"),
                    orders=pages(http, f"{urls['orders']}/orders"),
                    sagas=pages(http, f"{urls['orchestrator']}/sagas", "order_id") if "orchestrator" in urls else None,
                    charges=http.get(f"{urls['provider']}/charges").json()["items"],
                    mails=http.get(f"{urls['mail']}/mails").json()["items"],
                    unsent={name: http.get(f"{urls[name]}/admin/outbox").json()["pending"] for name in self.services},
                    waiting=self._lags(urls["broker"]) if kafka else self._depths(urls["broker"]),
                    parked=self._dead_records(urls["broker"]) if kafka else self._dead_letters(urls["broker"]),
                    promised=sum(
                        (event.op, event.status, event.outcome) == ("POST /orders", "201", "ok")
                        for event in events
                        if isinstance(event, Flow) and not event.faults  # what a fault answered is nobody's promise
                    ),
                    poisoned=sum(
                        isinstance(event, FaultChange) and event.change == "hit" and event.fault == "poison"
                        for event in events
                    ),
                )
        except (httpx.HTTPError, pika.exceptions.AMQPError, KafkaException, OSError) as error:
            return Books([{"id": repr(error)}], [], [], [], [])

    @property
    def _queues(self) -> list[str]:
        return [*QUEUES[self.saga], *(f"{service}.resend-requests" for service in self.services)]

    def _depths(self, url: str) -> dict[str, int]:
        with closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
            channel = connection.channel()
            delays = KNOBS["RETRY_DELAYS_MS"].split(",")
            names = [name for queue in self._queues for name in (queue, *(f"{queue}.retry.{ms}" for ms in delays))]
            return {name: channel.queue_declare(name, passive=True).method.message_count for name in names}

    def _dead_letters(self, url: str) -> dict[str, list[bytes]]:
        """The bodies in the dead-letter queues, which stay there."""
        found: dict[str, list[bytes]] = {}
        with closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
            channel = connection.channel()
            for queue in self._queues:
                while (got := channel.basic_get(f"{queue}.dlq"))[2] is not None:
                    found.setdefault(queue, []).append(got[2])
        return found

    def _lags(self, url: str) -> dict[str, int]:
        return {name: lag(url, name, EVENTS) for name in self.services}

    def _dead_records(self, url: str) -> dict[str, list[bytes]]:
        return {name: [body.encode() for body in stored(url, f"{name}.dlq")] for name in self.services}


@contextmanager
def living(broker: str, saga: str, *, seed: int = 1, tier: str = "embedded") -> Iterator[Living]:
    """The system in that form, ready and visited."""
    made = system(broker=broker, saga=saga, payments="one")
    hurried = replace(made, services=tuple(replace(one, env={**one.env, **KNOBS}) for one in made.services))
    tiers = {"amqp": tier} if broker == "rabbitmq" else {}
    record = launch(hurried, RunOptions(seed=seed, rate=RATE, tiers=tiers))
    try:
        with Control(record.socket) as control:
            eventually(lambda: control.run().state == "ready", 60)
            yield Living(broker, saga, record, control)
    finally:
        release(record.id)
        with suppress(ControlError), Control(record.socket) as control:
            eventually(lambda: control.run() is None, 20)


def pages(http: httpx.Client, url: str, ident: str = "id") -> list[dict[str, Any]]:
    """All items of a list that comes in pages."""
    found: list[dict[str, Any]] = []
    while True:
        after = found[-1][ident] if found else ""
        page = http.get(url, params={"limit": 500, "after": after}).json()["items"]
        found += page
        if len(page) < 500:
            return found
