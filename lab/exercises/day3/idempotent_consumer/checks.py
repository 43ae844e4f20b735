"""Exercise 3.3: payments hears of an order as often as the broker likes, and charges once."""

from __future__ import annotations

import json
import time
from typing import Any

from lab.grading import Http, behaviour, delay, eventually, expect, hold, lost, status, stays, tr, within

KEY = "order.created"
QUEUE = "payments.order-created"

AMOUNT, BEYOND = 25_000, 90_000
"""The provider approves the one and declines the other."""
FORGETFUL = 5.0
"""Seconds after which a memory that is only meant for the next moment has forgotten."""
MEANWHILE = 20
"""Events after which a memory of a few has forgotten."""
AFTERWARDS = 2.0
"""Seconds for which what came of a crash is looked at: what is repeated late shows."""
LOST = 10.0
"""Seconds after which an event that was given back is not on its way any more."""
PATIENCE = 20.0
"""Seconds within which a consumer that waits before it tries again has done so."""

ENDLESS = 50
"""So often no sensible retry delivers one message within seconds."""


@behaviour("C1")
def check_five_times_the_same_event_is_one_charge(http, broker, stub, new):
    listening(broker)
    event, declined = created(broker, new), created(broker, new, BEYOND)
    undecided = created(broker, new)
    cancelled = broker.event("order.cancelled", {"order_id": new.id("order"), "amount": AMOUNT})
    broker.publish(cancelled)
    broker.publish(event)
    paid(http, event)
    for _ in range(4):
        broker.publish(event)
    for _ in range(5):
        broker.publish(declined)
    settle(http, broker, new)
    expect_one_payment(http, stub, event, tr("its event came five times"), code="recorded-twice")
    expect_declined(http, stub, declined)
    expect(
        not payments(http, cancelled) and not asked_about(stub, cancelled),
        tr("order {order}, of which only order.cancelled told, is not charged", order=order_of(cancelled)),
        got=tr(
            "{asked} requests to the provider, payments: {some}",
            asked=len(asked_about(stub, cancelled)),
            some=some(payments(http, cancelled)),
        ),
        code="not-an-order",
        about=names(cancelled),
    )
    expect_decisions_only(http, broker, stub, undecided)


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

    events = [created(broker, new) for _ in range(15)]
    held = stub["payment"].will(hold(), on="POST /charges")
    for event in events:
        broker.publish(event)
        broker.publish(event)
    within(0.7, lambda: held.held > 1)  # both copies of the first event are in hand at the same time,
    with system.writing("payments"):  # both wait for the database at the same time,
        stub["payment"].will(delay(0.05), on="POST /charges")
        held.release()
        within(0.3, lambda: False)
    for event in events:  # and the others come as they come
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
    event, *missed = (created(broker, new) for _ in range(1 + MEANWHILE))
    broker.publish(event)
    paid(http, event)
    since = time.monotonic()
    broker.drained(QUEUE)
    system.stop("payments")
    for other in missed:
        broker.publish(other)
    kept = tr("the queue {queue} keeps what is published while payments and the broker are restarted", queue=QUEUE)
    expect(
        broker.exists(QUEUE),
        kept,
        got=tr("the queue went away together with its consumer"),
        code="queue-gone",
        about=names(missed[0]),
    )
    broker.restart()
    expect(
        broker.exists(QUEUE),
        kept,
        got=tr("it is gone: it was not declared durable"),
        code="queue-not-durable",
        about=names(missed[0]),
    )
    # Duplicates come later than a short memory lasts, whether it forgets by a timer or at its start.
    stays(lambda: broker.exists(QUEUE), since + FORGETFUL - time.monotonic())
    system.start("payments")
    for other in missed:
        paid(http, other)
    broker.publish(event)
    settle(http, broker, new)
    expect_one_payment(http, stub, event, tr("its event came again after a restart"), code="forgot")


@behaviour("C4")
def check_killed_in_the_middle_of_a_charge(system, http, broker, stub, wire, new):
    listening(broker)
    events = _killed_while_the_provider_is_asked(system, http, broker, stub, wire, new)
    events += _killed_before_it_is_written(system, http, broker, stub, wire, new)
    events += _first_answers_are_no_decisions(http, broker, stub, wire, new)
    stays(lambda: all(len(payments(http, event)) == 1 for event in events), AFTERWARDS)
    broker.drained(QUEUE)
    for event in events:
        expect_one_payment(
            http, stub, event, tr("the service or its connection broke down meanwhile"), code="charged-again"
        )


def _killed_while_the_provider_is_asked(
    system: Any, http: Http, broker: Any, stub: Any, wire: Any, new: Any
) -> list[Any]:
    """The first of three charges is in flight; an instance that works on several events may be done with the others."""
    events = [created(broker, new) for _ in range(3)]
    since = wire.mark()
    first = order_of(events[0])
    held = stub["payment"].will(hold(), on="POST /charges", where=lambda seen: asks_for(seen, first))
    for event in events:
        broker.publish(event)
    held.wait()
    within(0.4, lambda: payments(http, events[1]))
    system.kill("payments")
    early = "acknowledged-while-asking", tr("it had been acknowledged before the provider answered")
    _all_paid_after_the_kill(
        system, http, broker, stub, wire, events, since, tr("the service was killed while it charged"), early
    )
    return events


def _killed_before_it_is_written(system: Any, http: Http, broker: Any, stub: Any, wire: Any, new: Any) -> list[Any]:
    """The provider has answered, and the database takes its time: who acknowledges now has written nothing yet."""
    events = [created(broker, new) for _ in range(3)]
    since = wire.mark()
    held = stub["payment"].will(hold(), on="POST /charges")
    for event in events:
        broker.publish(event)
    held.wait()
    with system.writing("payments") as free:
        expect(
            free is not False,
            tr("no transaction is open in the database of payments while the provider is asked"),
            got=tr(
                "nobody else could write for 1 s, until the provider answered order {order}", order=order_of(events[0])
            ),
            code="transaction-while-asking",
            about=names(events[0]),
        )
        held.release()
        within(1.0, lambda: wire.acknowledged("payments->amqp", [event["id"] for event in events], since))
        if system.alive("payments"):
            system.kill("payments")
    _all_paid_after_the_kill(
        system,
        http,
        broker,
        stub,
        wire,
        events,
        since,
        tr("the service was killed after the provider’s answer, before the payment was written"),
        ("acknowledged-before-the-write", tr("it had been acknowledged before the payment could be written")),
    )
    return events


def _all_paid_after_the_kill(
    system: Any,
    http: Http,
    broker: Any,
    stub: Any,
    wire: Any,
    events: list[Any],
    since: int,
    when: str,
    early: tuple[str, str],
) -> None:
    """What was in hand at the kill is charged after the restart, once. `early` is what an ack before the kill means."""
    killed = wire.mark()
    within(3.0, lambda: not broker.consumers(QUEUE))  # the broker has noticed
    kept = broker.exists(QUEUE)
    stub["payment"].heal()
    system.start("payments")
    listening(broker)
    for event in events:
        if not within(LOST, lambda event=event: payments(http, event)):  # type: ignore[misc]
            code, why = unpaid(wire, event, since, killed, early, kept)
            expect(
                False,
                tr("order {order} is paid after the restart, although {when}", order=order_of(event), when=when),
                got=why,
                code=code,
                about=names(event),
            )


def _first_answers_are_no_decisions(http: Http, broker: Any, stub: Any, wire: Any, new: Any) -> list[Any]:
    """Of one order the provider's first answer is lost, of another one it is 500."""
    troubles = {
        tr("the provider’s first answer was lost"): (lost(), "acknowledged-after-a-lost-answer"),
        tr("the provider’s first answer was 500"): (status(500), "acknowledged-after-a-500"),
    }
    events = [created(broker, new) for _ in troubles]
    since = wire.mark()
    for event, (deed, _) in zip(events, troubles.values(), strict=True):
        order = order_of(event)
        stub["payment"].will(deed, on="POST /charges", times=1, where=lambda seen, order=order: asks_for(seen, order))
        broker.publish(event)
    for event, (trouble, (_, acknowledged)) in zip(events, troubles.items(), strict=True):
        if not within(PATIENCE, lambda event=event: payments(http, event)):  # type: ignore[misc]
            early = acknowledged, tr("it was acknowledged after that")
            code, why = unpaid(wire, event, since, wire.mark(), early)
            expect(
                False,
                tr("order {order} is paid, although {trouble}", order=order_of(event), trouble=trouble),
                got=why,
                code=code,
                about=names(event),
            )
    return events


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


def unpaid(
    wire: Any, event: dict[str, Any], since: int, killed: int, early: tuple[str, str], kept: bool = True
) -> tuple[str, str]:
    """The code and the words for an event that had no effect, by what was seen of it on the wire; `early` are those for
    an ack before the kill."""
    ident = [event["id"]]
    if wire.acknowledged("payments->amqp", ident, since) and not wire.acknowledged("payments->amqp", ident, killed):
        code, when = early
        return code, tr("no payment, and the event was never delivered again: {when}", when=when)
    if any(flow.message == event["id"] for flow in wire.deliveries("payments->amqp", QUEUE, killed)):
        return "redelivery-ignored", tr("no payment, although the event was delivered again: it counted as done")
    if not kept:
        return "queue-gone", tr("no payment: the queue went away together with its consumer, and the event in it")
    return "never-again", tr("no payment, and the event was never delivered again")


# -- the service and its provider


def created(broker: Any, new: Any, amount: int = AMOUNT) -> dict[str, Any]:
    """The event that tells of a new order."""
    event: dict[str, Any] = broker.event(KEY, {"order_id": new.id("order"), "amount": amount})
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


def shown(http: Http, event: dict[str, Any]) -> str:
    """What is said of its payments."""
    answer = http.get(f"/payments?order_id={order_of(event)}")
    return f"{answer}: {answer.text[:200]}"


def paid(http: Http, event: dict[str, Any]) -> None:
    eventually(
        lambda: payments(http, event),
        tr("order {order} to have a payment", order=order_of(event)),
        code="never-paid",
        got=lambda: shown(http, event),
        about=names(event),
    )


def expect_one_payment(http: Http, stub: Any, event: dict[str, Any], when: str, code: str) -> None:
    """One payment here, one charge at the provider, one key: the order's id."""
    order = order_of(event)
    items = payments(http, event)
    expect(
        len(items) == 1,
        tr("order {order} has one payment, although {when}", order=order, when=when),
        got=tr("{count} payments: {some}", count=len(items), some=some(items)),
        code=code,
        about=names(event),
    )
    expect_keys(stub, event)
    charges = [charge for charge in stub["payment"].charges if charge["order_id"] == order]
    expect(
        len(charges) == 1,
        tr("order {order} is charged once, although {when}", order=order, when=when),
        got=tr("{count} charges: {some}", count=len(charges), some=some(charges))
        if charges
        else tr("no charge, and the payment {item}", item=some(items)),
        code=code if charges else "never-charged",
        about=names(event),
    )
    expect_item(items[0], event, {"status": "approved", "charge_id": charges[0]["id"]})


def expect_declined(http: Http, stub: Any, event: dict[str, Any]) -> None:
    """A decision, too: one payment that says so, and no charge."""
    items = payments(http, event)
    expect(
        len(items) == 1,
        tr("order {order}, which the provider declined (402), has one payment", order=order_of(event)),
        got=tr("{count} payments: {some}", count=len(items), some=some(items)),
        code="recorded-twice" if items else "declined-not-written",
        about=names(event),
    )
    expect_keys(stub, event)
    expect_item(items[0], event, {"status": "declined"})


def expect_item(item: Any, event: dict[str, Any], decision: dict[str, str]) -> None:
    """A payment is as agreed."""
    agreed = {"order_id": order_of(event), "amount": event["data"]["amount"], **decision}
    wrong = {name for name, value in agreed.items() if not isinstance(item, dict) or item.get(name) != value}
    expect(
        not wrong,
        tr("the payment of order {order} is {agreed}", order=order_of(event), agreed=some([agreed])),
        got=some([item]),
        code="charge-id-not-kept" if wrong == {"charge_id"} else "wrong-payment",
        about=names(event),
    )


def expect_keys(stub: Any, event: dict[str, Any]) -> None:
    """The provider was asked under the order's own key, and no other one."""
    order, asked = order_of(event), asked_about(stub, event)
    keys = {seen.key for seen in asked}
    expect(
        keys == {order},
        tr("every charge of order {order} has the Idempotency-Key {order}", order=order),
        got=tr("{count} requests under {keys}", count=len(asked), keys=", ".join(sorted(map(str, keys)))),
        code="charged-without-a-key"
        if "" in keys
        else "charged-under-the-event"
        if event["id"] in keys
        else "charged-under-other-keys",
        about=names(event),
    )


def expect_decisions_only(http: Http, broker: Any, stub: Any, event: dict[str, Any]) -> None:
    """A provider that fails has decided nothing."""
    stub["payment"].will(status(500), on="POST /charges")
    broker.publish(event)
    if not within(10.0, lambda: asked_about(stub, event)):
        return  # whether and how soon it is asked is the subject of other checks

    def decided() -> list[Any]:
        return [
            item
            for item in payments(http, event)
            if not isinstance(item, dict) or item.get("status") in ("approved", "declined")
        ]

    within(0.7, decided)
    expect(
        not decided(),
        tr("the provider answers 500: nothing is decided about order {order}", order=order_of(event)),
        got=tr("payments: {some}", some=some(decided())),
        code="undecided-written",
        about=names(event),
    )


def some(items: list[Any]) -> str:
    """The first two, and how many more there are."""
    more = tr(" and {count} more", count=len(items) - 2) if len(items) > 2 else ""
    return ", ".join(json.dumps(item, ensure_ascii=False) for item in items[:2]) + more


def asked_about(stub: Any, event: dict[str, Any]) -> list[Any]:
    """The requests to the provider about its order."""
    return [seen for seen in stub["payment"].seen if asks_for(seen, order_of(event))]


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
