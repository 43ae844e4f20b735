from __future__ import annotations

from xml.etree import ElementTree

from lab.journal.bars import picture
from lab.journal.comparison import figures
from lab.journal.event import Event, FaultChange, Flow
from lab.journal.window import window
from lab.system.model import CLIENT, Link, Service, System

SHOP = System(
    name="shop",
    services=(
        Service(name="orders", module="x"),
        Service(name="users", module="x"),
        Service(name="mail", module="x", role="stub"),
    ),
    links=(Link(source=CLIENT, target="orders", protocol="http"),),
)


def flow(t: float, op: str, source: str = CLIENT, target: str = "orders", **more: object) -> Flow:
    made = Flow(t=t, source=source, target=target, link=f"{source}->{target}", op=op, protocol="http", ms=10.0)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def test_calls_and_messages_are_told_per_request_of_a_visitor() -> None:
    events: list[Event] = [
        flow(1, "POST /orders"),
        flow(1, "GET /users/1", "orders", "users"),
        flow(1, "GET /users/2", "orders", "users"),
        flow(2, "POST /notify", "orders", "mail"),
        flow(2, "publish order.created", "orders", "broker", role="message"),
        flow(2, "GET user:1", "orders", "cache", protocol="redis"),
        flow(3, "GET /orders/1", ms=30.0),
    ]
    seen = figures(window(SHOP, events, 0, 10), memory=12.0)
    assert (seen.units, seen.requests, seen.failed, seen.memory) == (2, 2, 0, 12.0)
    assert (seen.p50, seen.p99) == (10, 30)
    assert (seen.calls, seen.messages, seen.store) == (1.0, 0.5, 0.5)
    assert (seen.radius, seen.recovery) == (None, None)


def test_a_fault_reaches_so_many_operations_and_leaves_traces_so_long() -> None:
    fault = FaultChange(t=10, id="f1", change="added")
    events: list[Event] = [
        *(flow(t, op) for t in range(9) for op in ("GET /orders/1", "POST /orders", "GET /report")),
        fault,
        flow(11, "GET /orders/2", ms=80.0),
        flow(11, "POST /orders", status="503"),
        flow(11, "GET /report"),
        flow(11, "GET /report"),
        FaultChange(t=15, id="f1", change="healed"),
        flow(17.5, "POST /orders", outcome="error"),
        flow(18, "POST /orders"),
    ]
    seen = figures(window(SHOP, events, 0, 20))
    assert seen.radius is not None
    assert round(seen.radius) == 67
    assert (seen.failed, seen.recovery) == (2, 2.5)


def test_figures_become_a_picture_that_a_browser_can_read() -> None:
    drawn = picture({"p99 < 5, ms": {"one & only": 12.5, "two": 50}, "nothing": {"one & only": None, "two": None}})
    tree = ElementTree.fromstring(drawn)
    words = [text.text for text in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert words == ["p99 < 5, ms", "one & only", "12.5", "two", "50"]
    _, *bars = [bar.get("width", "") for bar in tree.iter("{http://www.w3.org/2000/svg}rect")]
    assert float(bars[1]) == 4 * float(bars[0])
