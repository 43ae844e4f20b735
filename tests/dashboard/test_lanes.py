"""The ways of messages: exchange, queue and consumer of AMQP; partitions, owners and lag of Kafka."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.dashboard.panel import View, find
from lab.dashboard.panels.lanes import MOST, Courses
from lab.dashboard.rows import text_of, width_of
from lab.journal.event import EngineState, Event, Flow, Process, Queue
from lab.journal.picture.run import RunPicture
from lab.system.model import Engine
from tests.dashboard import shop

PANEL = find("lanes")
KAFKA = replace(shop.SYSTEM, engines=(Engine(name="broker", kind="kafka"),))


def delivered(queue: str, key: str, by: str = "payments") -> Flow:
    more = {"queue": queue, "routing_key": key, "exchange": "shop.events", "message": f"{queue}{key}"}
    return shop.amqp(f"{by}->broker", f"deliver {queue}", conn=1, **more)


def consuming(queue: str, by: str = "payments") -> Flow:
    return shop.amqp(f"{by}->broker", f"consume {queue}", queue=queue, conn=1)


def assigned(member: str, group: str, *partitions: int, topic: str = "shop.events") -> list[Flow]:
    return [
        Flow(
            link=f"{group}->broker",
            source=member,
            target="broker",
            protocol="kafka",
            role="subscribe",
            op=f"assign {group}/{topic}/{number}",
            queue=f"{group}/{topic}/{number}",
        )
        for number in partitions
    ]


def depths(**ready: int) -> EngineState:
    return EngineState(source="broker", queues={name: Queue(ready=count) for name, count in ready.items()})


def lag(group: str, *ready: int) -> EngineState:
    return depths(**{f"{group}/shop.events/{number}": count for number, count in enumerate(ready)})


def seen(*events: Event, kafka: bool = False, held: bool = True) -> View:
    fold = Courses()
    for event in events:
        fold.apply(event)
    system = KAFKA if kafka else shop.SYSTEM
    return View(picture=RunPicture(system), system=system, fold=fold.copy(), held=held)


def drawn(view: View, width: int) -> list[str]:
    rows = [*PANEL.heading(view, width), *(PANEL.row(item, view, width) for item in PANEL.items(view))]
    assert all(width_of(line) <= width for line in rows)
    return text_of(rows).splitlines()


@pytest.mark.parametrize("width", [73, 80, 120])
def test_a_queue_stands_between_what_feeds_it_and_who_consumes_it(width: int) -> None:
    view = seen(
        consuming("payments.order-created"),
        delivered("payments.order-created", "order.created"),
        depths(**{"payments.order-created": 12}),
    )
    heading, line = drawn(view, width)
    assert line.split()[-7:] == ["order.created", "▶", "payments.order-created", "12", "1", "▶", "payments"]
    assert ("shop.events" in line) is ("exchange" in heading) is (width == 120)


def test_a_queue_that_nobody_consumes_says_so_and_one_that_is_put_aside_does_not() -> None:
    waiting = depths(**{"a.b": 1, "a.b.dlq": 2, "a.b.retry.500": 3})
    events: list[Event] = [consuming("a.b"), delivered("a.b", "x.y"), waiting]
    living = drawn(seen(*events), 120)
    assert [line.split()[-1] for line in living[1:]] == ["payments", "0", "0"]
    dead = drawn(seen(*events, Process(source="payments", state="backoff")), 120)
    assert dead[1].split()[-1] == "nobody"
    again = drawn(seen(*events, Process(source="payments", state="backoff"), consuming("a.b", "payments-2")), 120)
    assert again[1].split()[-1] == "payments-2"


def test_keys_of_one_kind_are_said_together_where_there_is_room() -> None:
    events = [delivered("orders.results", key, "orders") for key in ("payment.declined", "payment.approved")]
    assert " payment.approved|declined " in drawn(seen(*events), 120)[1]
    assert "payment.app… +1 " in drawn(seen(*events), 73)[1]


@pytest.mark.parametrize("width", [73, 80, 120])
def test_a_group_shows_who_owns_each_partition_and_how_far_that_is_behind(width: int) -> None:
    shared = [*assigned("payments-1", "payments", 0, 2), *assigned("payments-2", "payments", 1, 3)]
    view = seen(*shared, lag("payments", 5, 0, 2, 0), kafka=True)
    _, line = drawn(view, width)
    cells = line.split()
    assert cells[:2] == ["payments", "7"]
    assert [cells[place] for place in (2, 5, 8, 11)] == ["0", "1", "2", "3"]
    assert [cells[place][-1] for place in (3, 6, 9, 12)] == ["1", "2", "1", "2"]
    assert [cells[place] for place in (4, 7, 10, 13)] == ["5", "0", "2", "0"]


def test_a_dead_owner_keeps_its_partitions_until_the_group_shares_out_anew() -> None:
    shared: list[Event] = [*assigned("payments-1", "payments", 0), *assigned("payments-2", "payments", 1)]
    shared.append(lag("payments", 0, 9))
    died = [*shared, Process(source="payments-2", state="backoff")]
    assert "0 payments-1" in drawn(seen(*died, kafka=True), 120)[1]
    assert "1 ✕ payments-2" in drawn(seen(*died, kafka=True), 120)[1]
    taken = drawn(seen(*died, *assigned("payments-1", "payments", 1), kafka=True), 120)[1]
    assert "1 payments-1" in taken
    assert "✕" not in taken


def test_an_owner_that_leaves_leaves_nobody_and_the_only_one_of_a_service_is_a_dot() -> None:
    left = Flow(link="payments->broker", source="payments", protocol="kafka", role="setup", op="leave payments")
    alone: list[Event] = [*assigned("payments", "payments", 0), lag("payments", 3)]
    assert "0 ●" in drawn(seen(*alone, kafka=True), 120)[1]
    assert "0 nobody" in drawn(seen(*alone, left, kafka=True), 120)[1]


def test_more_partitions_than_fit_are_counted_and_the_page_has_them_all() -> None:
    view = seen(*assigned("payments", "payments", *range(20)), lag("payments", *range(20)), kafka=True)
    assert drawn(view, 80)[1].endswith("+16")
    (lane,) = PANEL.items(view)
    title, rows = PANEL.detail(lane, view)
    assert title == "group payments reads shop.events"
    assert len(rows) == 21


def test_what_was_never_used_is_folded_until_time_stands_still() -> None:
    events: list[Event] = [delivered("a.b", "x.y"), depths(**{"a.b.dlq": 0})]
    assert len(PANEL.items(seen(*events, held=False))) == 1
    assert "1 never used" in text_of([PANEL.says(seen(*events, held=False))])
    assert len(PANEL.items(seen(*events))) == 2


def test_the_fold_is_bounded() -> None:
    fold = Courses()
    for number in range(2 * MOST):
        fold.apply(consuming(f"q.{number}"))
    assert len(fold.of) == MOST
