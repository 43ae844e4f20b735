"""Orders are known, waited for and found late or lost though no service logs a word about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lab.journal.event import Event
from lab.journal.picture.run import RunPicture
from lab.journal.picture.verdict import AFTER, LOST, SETTLE
from lab.journal.story import entities, story
from tests.dashboard import shop
from tests.stamped import fault_change


def at(t: float, event: Event, correlation: str = "") -> Event:
    event.t = t
    event.correlation = correlation or event.correlation
    return event


def asked(t: float, ident: str, status: str = "201", op: str = "POST /orders") -> Event:
    return at(t, shop.http("client->orders", op, status), ident)


def told(t: float, ident: str, key: str) -> Event:
    return at(t, shop.amqp("orders->broker", f"publish {key}", message=f"{key} {ident}"), ident)


def seen(*events: Event) -> RunPicture:
    picture = RunPicture(shop.SYSTEM)
    for number, event in enumerate(events, 1):
        event.seq = number
        picture.apply(event)
    return picture


@pytest.mark.parametrize("first", [asked, lambda t, ident: told(t, ident, "order.created")], ids=["request", "message"])
def test_what_a_silent_service_does_says_where_its_orders_stand(first: Callable[[float, str], Event]) -> None:
    picture = seen(first(1.0, "r1"), first(1.1, "r2"), first(1.2, "r3"), told(2.0, "r1", "order.confirmed"),
                   told(4.5, "r2", "order.cancelled"))  # fmt: skip
    assert picture.entity_counts["order"] == {"pending": 1, "confirmed": 1, "cancelled": 1}
    assert set(picture.verdicts.waiting) == {("order", "r3")}
    assert (picture.verdicts.late, picture.verdicts.lost(1.2 + LOST)) == (1, 1)


def test_a_fault_has_its_verdict_over_a_silent_service() -> None:
    text = "freeze payments"
    picture = seen(
        fault_change(text, t=1.0, id="f1", change="added"),
        asked(2.0, "r1"),
        asked(2.5, "r2"),
        fault_change(text, t=8.0, id="f1", change="expired"),
        told(9.0, "r1", "order.confirmed"),
        asked(8.0 + AFTER + SETTLE + 0.1, "r3"),
    )
    verdict = picture.verdicts.of["f1"]
    assert (verdict.late, verdict.slowest, verdict.waiting) == (
        1,
        ((7.0, "order", "r1"),),
        frozenset({("order", "r2")}),
    )


def test_a_log_line_names_what_the_wire_had_shown_and_nothing_is_counted_twice() -> None:
    for events in (
        [asked(1.0, "r1"), at(1.01, shop.state("o-1", "pending", "r1"))],
        [at(1.0, shop.state("o-1", "pending", "r1")), asked(1.01, "r1"), told(1.02, "r1", "order.created")],
    ):
        picture = seen(*events, told(1.5, "r1", "order.confirmed"), at(1.6, shop.state("o-1", "confirmed", "r1")))
        assert [(one.id, one.state) for one in picture.entities.values()] == [("o-1", "confirmed")]
        assert picture.entity_counts["order"] == {"pending": 0, "confirmed": 1}
        assert not picture.verdicts.waiting


def test_an_answer_that_comes_late_does_not_begin_an_order_again() -> None:
    picture = seen(told(1.0, "r1", "order.created"), told(1.1, "r1", "order.confirmed"), asked(3.0, "r1"))
    assert picture.entity_counts["order"] == {"pending": 0, "confirmed": 1}


def test_what_makes_no_order_is_none() -> None:
    picture = seen(
        asked(1.0, "r1", "503"),
        asked(1.0, "r2", op="POST /orders/7/cancel"),
        asked(1.0, "r3", op="GET /orders"),
        asked(1.0, ""),
        told(1.0, "r4", "order.confirmed"),
        told(1.0, "r5", "user.registered"),
    )
    assert not picture.entities


def test_the_story_and_the_list_of_orders_know_them_too() -> None:
    events: list[Event] = [asked(1.0, "r1"), asked(1.2, "r2"), told(2.0, "r1", "order.confirmed")]
    declared = shop.SYSTEM.entities
    assert entities(events, declared) == {"r2": ("order", "pending"), "r1": ("order", "confirmed")}
    one = story(events, "r1", declared)
    assert (one.entity, one.state, one.mood) == ("order r1", "confirmed", "good")


def test_a_copy_goes_its_own_way() -> None:
    picture = seen(asked(1.0, "r1"))
    copied = picture.copy()
    picture.apply(told(2.0, "r1", "order.confirmed"))
    assert copied.entity_counts["order"] == {"pending": 1}
    copied.apply(told(2.0, "r1", "order.cancelled"))
    assert copied.entity_counts["order"]["cancelled"] == 1


def test_without_a_broker_nothing_could_end_them_so_none_is_said_to_wait() -> None:
    picture = RunPicture(replace(shop.SYSTEM, engines=()))
    picture.apply(asked(1.0, "r1"))
    assert not picture.verdicts.waiting
    picture.apply(at(2.0, shop.state("o-1", "pending", "r1")))
    assert picture.verdicts.lost(2.0 + LOST) == 1
