"""What faults did to the business, told from the events alone."""

from __future__ import annotations

from lab.journal.event import Event, FaultChange, Load
from lab.journal.picture.run import RunPicture
from lab.journal.picture.verdict import AFTER, LATE, LOST, SETTLE, Verdicts
from tests.dashboard import shop
from tests.stamped import fault_change

TEXT = "latency payments->payment_provider 300ms"


def at(t: float, event: Event) -> Event:
    event.t = t
    return event


def judged(*events: Event) -> Verdicts:
    picture = RunPicture(shop.SYSTEM)
    picture.apply_all(events)
    return picture.verdicts


def begin(t: float) -> FaultChange:
    return fault_change(TEXT, t=t, id="f1", change="added")


def heal(t: float) -> FaultChange:
    return fault_change(TEXT, t=t, id="f1", change="healed")


def order(ident: str, state: str, t: float) -> Event:
    return at(t, shop.state(ident, state, f"req-{ident}"))


def test_orders_that_a_fault_held_up_are_late_and_none_is_lost() -> None:
    verdicts = judged(
        begin(1.0),
        order("a", "pending", 2.0),
        order("b", "pending", 3.0),
        at(4.0, shop.http("client->orders", "POST /orders", "503", outcome="error")),
        order("b", "confirmed", 3.5),
        heal(10.0),
        order("c", "pending", 10.0 + AFTER + 1),
        order("a", "confirmed", 18.0),
        order("c", "confirmed", 25.0),
    )
    verdict = verdicts.of["f1"]
    assert (verdict.failed, verdict.late, verdict.slowest) == (1, 1, ((16.0, "order", "a"),))
    assert (verdict.waiting, verdict.settled) == (frozenset(), 18.0)
    assert verdicts.latest() is verdict
    assert (verdicts.late, verdicts.doubled, len(verdicts.waiting)) == (2, 0, 0)


def test_what_does_not_end_is_waited_for_and_then_said() -> None:
    early = [begin(1.0), order("a", "pending", 2.0), heal(5.0)]
    assert judged(*early).of["f1"].settled is None
    verdicts = judged(*early, at(5.0 + AFTER + SETTLE, Load()))
    assert verdicts.of["f1"].waiting == {("order", "a")}
    assert verdicts.lost(5.0 + AFTER + SETTLE) == 0
    assert verdicts.lost(2.0 + LOST) == 1


def test_the_same_event_of_one_order_under_two_ids_was_done_twice() -> None:
    def told(message: str) -> Event:
        return shop.amqp("payments->broker", "publish payment.approved", correlation="req-a", message=message, t=3.0)

    begun = [begin(1.0), order("a", "pending", 2.0)]
    assert judged(*begun, told("m1"), told("m1")).doubled == 0
    verdicts = judged(*begun, told("m1"), told("m2"))
    assert (verdicts.doubled, verdicts.of["f1"].doubled) == (1, 1)


def test_ids_that_several_orders_share_prove_nothing() -> None:
    shared = [at(t, shop.state(ident, "pending", "req-a")) for t, ident in ((1.0, "a"), (1.1, "b"))]
    told = [
        shop.amqp("orders->broker", "publish order.created", correlation="req-a", message=message, t=2.0)
        for message in ("m1", "m2")
    ]
    assert judged(*shared, *told).doubled == 0


def test_a_copy_stays_as_it_was() -> None:
    verdicts = judged(begin(1.0), order("a", "pending", 2.0))
    kept = verdicts.copy()
    for event in (order("a", "confirmed", 9.0), heal(10.0)):
        verdicts.apply(event)
    assert kept.of["f1"].until is None
    assert list(kept.waiting) == [("order", "a")]


def test_what_was_late_when_a_fault_began_is_not_its_doing() -> None:
    verdicts = judged(
        order("a", "pending", 1.0),
        begin(1.0 + LATE),
        order("b", "pending", 4.0),
        order("a", "confirmed", 7.0),
        order("b", "confirmed", 8.0),
    )
    assert verdicts.of["f1"].slowest == ((4.0, "order", "b"),)
    assert verdicts.late == 2
