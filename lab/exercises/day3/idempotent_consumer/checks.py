"""Exercise 3.3: payments hears of an order as often as the broker likes, and charges once."""

from __future__ import annotations

import json
from typing import Any

from lab.grading import Http, behaviour, delay, eventually, expect, hold, stays, within

KEY = "order.created"
QUEUE = "payments.order-created"

ENDLESS = 50
"""So often no sensible retry delivers one message within seconds."""


@behaviour("C1")
def check_five_times_the_same_event_is_one_charge(http, broker, stub, new):
    listening(broker)
    order, event = created(broker, new)
    broker.publish(event)
    paid(http, order)
    for _ in range(4):
        broker.publish(event)
    settle(http, broker, new)
    expect_one_payment(http, stub, order, "its event came five times", code="recorded-twice")


@behaviour("C2")
def check_two_instances_are_one_consumer(system, http, broker, stub, new):
    system.scale("payments", 2)
    listening(broker, 2)
    order, event = created(broker, new)
    broker.publish(event)
    paid(http, order)
    for _ in range(4):  # the broker deals them out to both in turn
        broker.publish(event)
    settle(http, broker, new)
    expect_one_payment(http, stub, order, "its event came to both instances, one after the other", code="not-shared")

    stub["payment"].will(delay(0.05), on="POST /charges")  # so that both copies are in hand at the same time
    events = [created(broker, new) for _ in range(15)]
    for _, event in events:
        broker.publish(event)
        broker.publish(event)
    for order, _ in events:
        paid(http, order)
    settle(http, broker, new)
    twice = [order for order, _ in events if len(payments(http, order)) > 1]
    expect(
        not twice,
        f"{len(events)} orders, each event delivered to two instances at the same moment, are {len(events)} payments",
        got=f"{len(twice)} orders with more than one payment: {', '.join(twice)}",
        code="raced",
        about=twice[:1],
    )
    for order, _ in events:
        expect_one_payment(http, stub, order, "its event came to two instances at the same moment", code="raced")


@behaviour("C3")
def check_duplicate_after_a_restart(system, http, broker, stub, new):
    listening(broker)
    order, event = created(broker, new)
    broker.publish(event)
    paid(http, order)
    broker.drained(QUEUE, quiet=1.0)  # a memory that is kept for less than a second is none either
    system.restart("payments")
    listening(broker)
    broker.publish(event)
    settle(http, broker, new)
    expect_one_payment(http, stub, order, "its event came again after a restart", code="forgot")


@behaviour("C4")
def check_killed_in_the_middle_of_a_charge(system, http, broker, stub, wire, new):
    listening(broker)
    order, event = created(broker, new)
    held = stub["payment"].will(hold(), on="POST /charges")
    broker.publish(event)
    held.wait()
    system.kill("payments")
    killed = wire.mark()
    stub["payment"].heal()
    system.start("payments")
    listening(broker)

    if not within(20.0, lambda: payments(http, order)):
        delivered = wire.flows("payments->amqp", f"deliver {QUEUE}", killed)
        again = any(flow.message == event["id"] for flow in delivered)
        expect(
            False,
            f"order {order}, in the middle of whose charge the service was killed, is paid after its restart",
            got="no payment for 20 s, "
            + (
                "although the event was delivered again: it was taken for done"
                if again
                else "and the event was never delivered again: it had been acknowledged before the work was done"
            ),
            code="redelivery-ignored" if again else "event-lost",
            about=[order, event["id"]],
        )
    settle(http, broker, new)
    expect_one_payment(http, stub, order, "the service was killed while it charged", code="charged-again")


@behaviour("C5")
def check_same_event_in_other_bytes(http, broker, stub, new):
    listening(broker)
    order, event = created(broker, new)
    broker.publish(event)
    paid(http, order)
    other = json.dumps(dict(reversed(event.items())), indent=2, sort_keys=False).encode()
    broker.publish(other, routing_key=KEY, message_id=event["id"], content_type="application/cloudevents+json")
    settle(http, broker, new)
    expect_one_payment(http, stub, order, "the same event came again in other bytes", code="knows-bytes-only")


@behaviour("C6")
def check_second_event_about_the_same_order(http, broker, stub, new):
    listening(broker)
    order, event = created(broker, new)
    broker.publish(event)
    paid(http, order)
    broker.publish(broker.event(KEY, event["data"]))
    settle(http, broker, new)
    expect_one_payment(http, stub, order, "a second event told of it", code="second-fact-charged")


@behaviour("C7")
def check_poison_blocks_nobody(system, http, broker, stub, wire, new):
    listening(broker)
    pid = system.pid("payments")
    poison = [
        broker.publish(b"not json", routing_key=KEY),
        broker.publish(json.dumps({"hello": "world"}), routing_key=KEY),
    ]
    order, event = created(broker, new)
    broker.publish(event)

    def worked_off() -> bool:
        delivered = wire.flows("payments->amqp", f"deliver {QUEUE}")
        times = max(sum(flow.message == ident for flow in delivered) for ident in poison)
        expect(
            times <= ENDLESS,
            "a message that is no event is put aside",
            got=f"it was delivered {times} times: it is put back into the queue again and again",
            code="requeued-endlessly",
            about=poison,
        )
        return not broker.depth(QUEUE) and not broker.unacked(QUEUE) and bool(payments(http, order))

    eventually(
        lambda: worked_off() and stays(worked_off),
        f"{QUEUE} to be worked off and order {order} to be paid, with two unreadable messages before it",
        code="blocked",
        got=lambda: (
            f"{broker.depth(QUEUE)} ready, {broker.unacked(QUEUE)} unacknowledged,"
            f" {len(payments(http, order))} payments of {order}"
        ),
        about=[order, *poison],
    )
    expect(
        system.pid("payments") == pid,
        "payments lives on after a message that is no event",
        got="its process ended",
        code="died",
        about=poison,
    )
    expect_one_payment(http, stub, order, "unreadable messages were before it", code="recorded-twice")


# -- the service and its provider


def created(broker: Any, new: Any) -> tuple[str, dict[str, Any]]:
    """A new order's id, and the event that tells of it."""
    order = new.id("order")
    return order, broker.event(KEY, {"order_id": order, "amount": 25_000})


def payments(http: Http, order: str) -> list[Any]:
    answer = http.get(f"/payments?order_id={order}")
    items = answer.json.get("items") if answer.outcome == "ok" and isinstance(answer.json, dict) else None
    return items if isinstance(items, list) else []


def paid(http: Http, order: str) -> None:
    eventually(
        lambda: payments(http, order),
        f"order {order} to have a payment",
        code="never-paid",
        got=lambda: http.get(f"/payments?order_id={order}"),
        about=[order],
    )


def expect_one_payment(http: Http, stub: Any, order: str, when: str, code: str) -> None:
    """One payment here, one charge at the provider, one key: the order's id."""
    items = payments(http, order)
    expect(
        len(items) == 1,
        f"order {order} has one payment, although {when}",
        got=f"{len(items)} payments: {items}",
        code=code,
        about=[order],
    )
    keys = [seen.key for seen in stub["payment"].seen if asks_for(seen, order)]
    charges = [charge for charge in stub["payment"].charges if charge["order_id"] == order]
    expect(
        set(keys) == {order},
        f"every charge of order {order} is asked for under the Idempotency-Key {order}",
        got=f"{len(keys)} requests and {len(charges)} charges under {', '.join(sorted(map(str, set(keys))))}",
        code="charged-under-other-keys",
        about=[order],
    )
    expect(
        len(charges) == 1,
        f"order {order} is charged once, although {when}",
        got=f"{len(charges)} charges: {charges}",
        code=code,
        about=[order],
    )


def asks_for(seen: Any, order: str) -> bool:
    return isinstance(seen.json, dict) and seen.json.get("order_id") == order


# -- messages


def listening(broker: Any, instances: int = 1) -> None:
    """The service has its queue, and each instance consumes from it unless it fetches messages one by one."""
    eventually(
        lambda: broker.exists(QUEUE),
        f"payments to have its queue {QUEUE}",
        code="no-queue",
        got=lambda: "no such queue",
    )
    within(2.0, lambda: broker.consumers(QUEUE) >= instances)


def settle(http: Http, broker: Any, new: Any) -> None:
    """Return when all that was published is dealt with: a fence behind it has had its effect, and nothing is left."""
    order, event = created(broker, new)
    broker.publish(event)
    paid(http, order)
    broker.drained(QUEUE)
