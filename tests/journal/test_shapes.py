"""Shapes side by side: what is said of each comes from its own part of the run."""

from __future__ import annotations

from lab.journal.event import Event, Process
from lab.journal.shapes import KEPT, WAITING, Shapes, lines
from lab.system.model import CLIENT, Engine, Link, Service, System
from tests.flows import call

SHOP = System(
    name="both",
    services=(
        Service(name="whole", command=("x",)),
        Service(name="front", command=("x",)),
        Service(name="back", command=("x",)),
        Service(name="mail", module="lab.neighbours.notify", role="stub"),
    ),
    engines=(Engine(name="db", kind="sql"),),
    links=(
        Link(source=CLIENT, target="whole", protocol="http"),
        Link(source=CLIENT, target="front", protocol="http"),
        Link(source="front", target="back", protocol="http"),
        *(Link(source=name, target="mail", protocol="http") for name in ("whole", "back")),
    ),
)


def told(events: list[Event]) -> dict[str, list[str]]:
    found = Shapes()
    for event in events:
        found.apply(event)
    return {line.label: list(line.values.values()) for line in lines(found, SHOP)}


def test_deploy_units_are_the_services_behind_what_visitors_ask() -> None:
    assert told([])["deploy units"] == ["1", "2"]


def test_calls_belong_to_the_order_that_caused_them() -> None:
    seen = told(
        [
            call(1.0, "client->whole", "POST /orders", status="201", correlation="a"),
            call(1.1, "front->back", "GET /users/7", correlation="b"),
            call(1.2, "client->front", "POST /orders", status="201", correlation="b"),
            call(1.3, "front->back", "POST /charges", correlation="c"),
            call(1.4, "client->front", "POST /orders/7/pay", correlation="c"),
            call(1.5, "front->back", "GET /users/7", correlation="d"),
            call(1.6, "client->front", "GET /orders/7", correlation="d"),
        ]
    )
    assert seen["calls per order"] == ["0", "2"]


def test_a_slow_endpoint_reaches_those_who_were_under_way_with_it() -> None:
    quiet: list[Event] = [
        call(n / 10, "client->whole", op) for n in range(20) for op in ("GET /orders/7", "GET /users/7")
    ]
    seen = told(
        [
            *quiet,
            call(5.2, "client->whole", "GET /orders/7", ms=100.0),
            call(5.9, "client->whole", "GET /report", ms=800.0),
            call(5.9, "client->whole", "GET /users/7", ms=12.0),
            call(5.95, "client->whole", "GET /users/7", ms=100.0),
            call(6.5, "client->whole", "GET /users/7"),
        ]
    )
    assert seen["slow endpoint"] == ["GET /report 0.8 s", "-"]
    assert seen["blast radius"] == ["1 of 2, ×10", "-"]


def test_a_restart_is_a_gap_until_it_is_ready_and_the_longest_counts() -> None:
    def state(t: float, state: str) -> Process:
        return Process(t=t, source="front", state=state)

    first = call(0.5, "client->front", "GET /users/7")
    stops = [state(1, "stopping"), state(1.4, "stopped"), state(1.5, "starting"), state(2.5, "ready")]
    again = [state(5, "backoff"), state(5.5, "ready"), state(9, "stopping")]
    assert told([first, *stops, *again])["restart gap"] == ["-", "1.5 s"]


def test_the_fold_is_bounded_and_a_copy_is_its_own() -> None:
    found = Shapes()
    for n in range(2 * KEPT):
        found.apply(call(n, "front->back", "GET /", correlation=str(n)))
        found.apply(call(n, "client->whole", "GET /"))
    assert len(found.of["whole"].visits) == KEPT
    assert len(found._calls) == WAITING
    other = found.copy()
    other.apply(call(9e9, "client->front", "GET /"))
    other.apply(call(9e9, "client->whole", "POST /orders", status="201"))
    assert "front" not in found.of
    assert found.of["whole"].orders == 0
