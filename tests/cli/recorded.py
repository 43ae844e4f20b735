"""A run that was recorded, made without running anything."""

from __future__ import annotations

from pathlib import Path

from lab.journal.event import Event, Flow, Log, Note, Process
from lab.journal.journal import Journal
from lab.runtime import runs
from lab.runtime.api import RunOptions
from lab.system.model import CLIENT, Link, Service, System
from tests.stamped import fault_change

SHOP = System(
    name="shop",
    services=(Service(name="orders", module="orders"), Service(name="payments", module="payments")),
    links=(
        Link(source=CLIENT, target="orders", protocol="http"),
        Link(source="orders", target="payments", protocol="http", env="PAYMENTS_URL"),
    ),
)


class Clock:
    """Time as the events below want it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def record(*, ready: bool = True) -> Path:
    """The folder of a new dead run in LAB_HOME: two orders, a fault, a warning."""
    file = runs.create(SHOP, RunOptions(seed=7, scenario="happy"), "2026-05-06T10:00:00.000+00:00")
    folder = runs.home() / "runs" / file.id
    clock = Clock()
    journal = Journal(folder / "journal.ndjson", clock)
    for t, event in events(ready):
        clock.now = t
        journal.append(event)
    journal.close()
    return folder


def events(ready: bool) -> list[tuple[float, Event]]:
    found: list[tuple[float, Event]] = [
        (0.1, Process(source="orders", state="starting", pid=11)),
        (0.2, Process(source="orders", state="ready", pid=11)),
        (0.3, Process(source="payments", state="ready" if ready else "failed", reason="" if ready else "exit code 1")),
        (0.9, Note(text="The first visitors come", topic="scenario")),
        (1.0, fault_change("latency orders->payments 300ms for 5s", id="f1", change="added", duration=5)),
    ]
    for t, ident, state in ((2.0, "5f3a9c1e", "confirmed"), (4.0, "77b0d2aa", "cancelled")):
        found += [
            (t, _state(ident, "pending")),
            (t + 0.31, _call("orders->payments", "POST /charges", "201", 305.0, ident)),
            (t + 0.32, _call("client->orders", "POST /orders", "201", 325.0, ident)),
            (t + 0.33, _state(ident, state)),
        ]
    found += [
        (5.0, Log(source="payments", level="warning", message="provider is slow", data={"seconds": 2})),
        (6.0, fault_change("latency orders->payments 300ms for 5s", id="f1", change="expired", victims=2)),
    ]
    return found


def _state(ident: str, state: str) -> Log:
    data = {"entity": "order", "id": ident, "state": state}
    return Log(source="orders", message=f"order {state}", event="state", correlation=f"req-{ident}", data=data)


def _call(link: str, op: str, status: str, ms: float, ident: str) -> Flow:
    source, target = link.split("->")
    flow = Flow(source=source, target=target, link=link, protocol="http", op=op, status=status, ms=ms)
    flow.correlation = f"req-{ident}"
    return flow
