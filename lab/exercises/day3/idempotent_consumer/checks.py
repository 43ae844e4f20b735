"""Exercise 3.3: payments hears of an order as often as the broker likes, and charges once."""

from __future__ import annotations

import json
from typing import Any

from lab.grading import Http, behaviour, delay, eventually, expect, hold, stays, tr, within

KEY = "order.created"
QUEUE = "payments.order-created"

ENDLESS = 50
"""So often no sensible retry delivers one message within seconds."""


@behaviour("C1")
def check_five_times_the_same_event_is_one_charge(http, broker, stub, new):
    listening(broker)
    event = created(broker, new)
    broker.publish(event)
    paid(http, event)
    for _ in range(4):
        broker.publish(event)
    settle(http, broker, new)
    expect_one_payment(http, stub, event, tr("its event came five times"), code="recorded-twice")


@behaviour("C2")
def check_two_instances_are_one_consumer(system, http, broker, stub, new):
    system.scale("payments", 2)
    listening(broker, 2)
    event = created(broker, new)
    broker.publish(event)
    paid(http, event)
    for _ in range(4):  # the broker deals them out to both in turn
        broker.publish(event)
    settle(http, broker, new)
    expect_one_payment(
        http, stub, event, tr("its event came to both instances, one after the other"), code="not-shared"
    )

    stub["payment"].will(delay(0.05), on="POST /charges")  # so that both copies are in hand at the same time
    events = [created(broker, new) for _ in range(15)]
    for event in events:
        broker.publish(event)
        broker.publish(event)
    for event in events:
        paid(http, event)
    settle(http, broker, new)
    twice = [event for event in events if len(payments(http, event)) > 1]
    expect(
        not twice,
        tr(
            "{count} orders, each event delivered to two instances at the same moment, are {count} payments",
            count=len(events),
        ),
        got=tr(
            "{count} orders with more than one payment: {keys}", count=len(twice), keys=", ".join(map(order_of, twice))
        ),
        code="raced",
        about=[ident for event in twice[:1] for ident in names(event)],
    )
    for event in events:
        expect_one_payment(http, stub, event, tr("its event came to two instances at the same moment"), code="raced")


@behaviour("C3")
def check_duplicate_after_a_restart(system, http, broker, stub, new):
    listening(broker)
    event = created(broker, new)
    broker.publish(event)
    paid(http, event)
    broker.drained(QUEUE, quiet=1.0)  # a memory that is kept for less than a second is none either
    system.restart("payments")
    listening(broker)
    broker.publish(event)
    settle(http, broker, new)
    expect_one_payment(http, stub, event, tr("its event came again after a restart"), code="forgot")


@behaviour("C4")
def check_killed_in_the_middle_of_a_charge(system, http, broker, stub, wire, new):
    listening(broker)
    event = created(broker, new)
    held = stub["payment"].will(hold(), on="POST /charges")
    broker.publish(event)
    held.wait()
    system.kill("payments")
    killed = wire.mark()
    kept = broker.exists(QUEUE)
    stub["payment"].heal()
    system.start("payments")
    listening(broker)

    if not within(20.0, lambda: payments(http, event)):
        code, why = lost(wire, event, killed, kept)
        expect(
            False,
            tr(
                "order {order}, in the middle of whose charge the service was killed, is paid after its restart",
                order=order_of(event),
            ),
            got=why,
            code=code,
            about=names(event),
        )
    settle(http, broker, new)
    expect_one_payment(http, stub, event, tr("the service was killed while it charged"), code="charged-again")


@behaviour("C5")
def check_same_event_in_other_bytes(http, broker, stub, new):
    listening(broker)
    event = created(broker, new)
    broker.publish(event)
    paid(http, event)
    other = json.dumps(dict(reversed(event.items())), indent=2, sort_keys=False).encode()
    broker.publish(other, routing_key=KEY, message_id=event["id"], content_type="application/cloudevents+json")
    settle(http, broker, new)
    expect_one_payment(http, stub, event, tr("the same event came again in other bytes"), code="knows-bytes-only")


@behaviour("C6")
def check_second_event_about_the_same_order(http, broker, stub, new):
    listening(broker)
    event = created(broker, new)
    broker.publish(event)
    paid(http, event)
    broker.publish(broker.event(KEY, event["data"]))
    settle(http, broker, new)
    expect_one_payment(http, stub, event, tr("a second event announced it"), code="second-fact-charged")


@behaviour("C7")
def check_poison_blocks_nobody(system, http, broker, stub, wire, new):
    listening(broker)
    pid = system.pid("payments")
    poison = [
        broker.publish(b"not json", routing_key=KEY),
        broker.publish(json.dumps({"hello": "world"}), routing_key=KEY),
    ]
    event = created(broker, new)
    broker.publish(event)

    def worked_off() -> bool:
        delivered = wire.deliveries("payments->amqp", QUEUE)
        times = max(sum(flow.message == ident for flow in delivered) for ident in poison)
        expect(
            times <= ENDLESS,
            tr("a message that is not an event is set aside"),
            got=tr("it was delivered {times} times: it is requeued again and again", times=times),
            code="requeued-endlessly",
            about=poison,
        )
        return not broker.depth(QUEUE) and not broker.unacked(QUEUE) and bool(payments(http, event))

    eventually(
        lambda: worked_off() and stays(worked_off),
        tr(
            "{queue} to be empty and order {order} to be paid, although two unreadable messages came first",
            queue=QUEUE,
            order=order_of(event),
        ),
        code="blocked",
        got=lambda: tr(
            "{depth} ready, {unacked} unacknowledged, {count} payments of {order}",
            depth=broker.depth(QUEUE),
            unacked=broker.unacked(QUEUE),
            count=len(payments(http, event)),
            order=order_of(event),
        ),
        about=[*names(event), *poison],
    )
    expect(
        system.pid("payments") == pid,
        tr("payments keeps running after a message that is not an event"),
        got=tr("its process ended"),
        code="died",
        about=poison,
    )
    expect_one_payment(http, stub, event, tr("unreadable messages were before it"), code="recorded-twice")


def lost(wire: Any, event: dict[str, Any], killed: int, kept: bool) -> tuple[str, str]:
    """The code and the words for an event that had no effect after the kill, by what was seen of it on the wire."""
    if any(flow.message == event["id"] for flow in wire.deliveries("payments->amqp", QUEUE, killed)):
        return "redelivery-ignored", tr(
            "no payment for 20 s, although the event was delivered again: it counted as done"
        )
    before = [flow for flow in wire.flows("payments->amqp") if flow.seq <= killed and flow.message == event["id"]]
    if any((flow.role == "ack" and not flow.back) or flow.status == "no-ack" for flow in before):
        return "event-lost", tr(
            "no payment for 20 s, and the event was never delivered again: it had been acknowledged before the "
            "work was done"
        )
    if not kept:
        return "queue-gone", tr(
            "no payment for 20 s: the queue went away together with its consumer, and the event in it"
        )
    return "never-again", tr("no payment for 20 s, and the event was never delivered again")


# -- the service and its provider


def created(broker: Any, new: Any) -> dict[str, Any]:
    """The event that tells of a new order."""
    event: dict[str, Any] = broker.event(KEY, {"order_id": new.id("order"), "amount": 25_000})
    return event


def order_of(event: dict[str, Any]) -> str:
    return str(event["data"]["order_id"])


def names(event: dict[str, Any]) -> list[str]:
    """By what a story knows it: the order it tells of, and its own id."""
    return [order_of(event), event["id"]]


def payments(http: Http, event: dict[str, Any]) -> list[Any]:
    """The payments of its order."""
    answer = http.get(f"/payments?order_id={order_of(event)}")
    items = answer.json.get("items") if answer.outcome == "ok" and isinstance(answer.json, dict) else None
    return items if isinstance(items, list) else []


def paid(http: Http, event: dict[str, Any]) -> None:
    eventually(
        lambda: payments(http, event),
        tr("order {order} to have a payment", order=order_of(event)),
        code="never-paid",
        got=lambda: http.get(f"/payments?order_id={order_of(event)}"),
        about=names(event),
    )


def expect_one_payment(http: Http, stub: Any, event: dict[str, Any], when: str, code: str) -> None:
    """One payment here, one charge at the provider, one key: the order's id."""
    order, items = order_of(event), payments(http, event)
    expect(
        len(items) == 1,
        tr("order {order} has one payment, although {when}", order=order, when=when),
        got=tr("{count} payments: {some}", count=len(items), some=some(items)),
        code=code,
        about=names(event),
    )
    keys = [seen.key for seen in stub["payment"].seen if asks_for(seen, order)]
    charges = [charge for charge in stub["payment"].charges if charge["order_id"] == order]
    expect(
        set(keys) == {order},
        tr("every charge of order {order} has the Idempotency-Key {order}", order=order),
        got=tr(
            "{count} requests and {charges} charges under {keys}",
            count=len(keys),
            charges=len(charges),
            keys=", ".join(sorted(map(str, set(keys)))),
        ),
        code="charged-under-other-keys",
        about=names(event),
    )
    expect(
        len(charges) == 1,
        tr("order {order} is charged once, although {when}", order=order, when=when),
        got=tr("{count} charges: {some}", count=len(charges), some=some(charges)),
        code=code,
        about=names(event),
    )


def some(items: list[Any]) -> str:
    """The first two, and how many more there are."""
    more = tr(" and {count} more", count=len(items) - 2) if len(items) > 2 else ""
    return ", ".join(json.dumps(item, ensure_ascii=False) for item in items[:2]) + more


def asks_for(seen: Any, order: str) -> bool:
    return isinstance(seen.json, dict) and seen.json.get("order_id") == order


# -- messages


def listening(broker: Any, instances: int = 1) -> None:
    """The service has its queue, and each instance consumes from it unless it fetches messages one by one."""
    eventually(
        lambda: broker.exists(QUEUE),
        tr("payments to declare its queue {queue}", queue=QUEUE),
        code="no-queue",
        got=lambda: tr("no such queue"),
    )
    within(2.0, lambda: broker.consumers(QUEUE) >= instances)


def settle(http: Http, broker: Any, new: Any) -> None:
    """Return when all that was published is dealt with: a fence behind it has had its effect, and nothing is left."""
    event = created(broker, new)
    broker.publish(event)
    paid(http, event)
    broker.drained(QUEUE)
