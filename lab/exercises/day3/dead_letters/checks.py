"""Exercise 3.4: a mail that fails is tried later, one that cannot succeed is parked, and neither is lost."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from lab.grading import Answer, Http, behaviour, eventually, expect, hang, reset, status, stays, tr, within

KEY = "order.created"
QUEUE = "notifications.order-created"
DLQ = "notifications.order-created.dlq"
LINK = "notifications->amqp"
MAIL = "POST /notify"
REPLAY = "/admin/dlq/replay"

AMOUNT = 25_000
HAND = 4
"""PREFETCH."""
ATTEMPTS = 4
"""MAX_DELIVERIES."""
FEW = 3
"""A MAX_DELIVERIES that is not the usual one."""
SLOWLY = 0.8
"""A RETRY_DELAY_MS that is not the usual one, in seconds."""
MUCH_LATER = 10.0
"""One so long that who does not wait for it is done before half of it is over."""
PENDING = 1.5
"""One in which a service can be killed and a broker restarted."""
POISON = 10
QUIET = 1.0
"""Seconds, more than three times RETRY_DELAY_MS, after which nothing more is tried."""
LOST = 20.0
"""Seconds after which an event is not on its way any more."""
ANSWERED = 10.0
"""Seconds that a replay may take."""
TOO_OFTEN = 50
"""So many deliveries of one message within seconds are a loop."""
THEIRS = {"tenant": "uz-1"}
"""A header that the publisher has set."""


@behaviour("C1")
def check_what_fails_for_the_moment_is_sent_later(broker, stub, wire, new):
    listening(broker)
    good, twice, silent = (told(new) for _ in range(3))
    fails(stub, twice, status(503), times=2)
    fails(stub, silent, reset(), times=1)
    fails(stub, silent, hang(), times=1)  # the newest rule goes first
    for order in (good, twice, silent):
        publish(broker, order)
    mailed(broker, stub, wire, [good, twice, silent])
    worked_off(broker)
    for order, wanted, which in (
        (good, 1, tr("which the mailer accepts")),
        (twice, 3, tr("about which the mailer answers 503 twice")),
        (silent, 3, tr("about which the mailer is silent once and breaks the connection off once")),
    ):
        asked = asked_about(stub, order)
        expect(
            len(asked) == wanted,
            tr("order {order}, {which}: {count} requests to the mailer", order=order, which=which, count=wanted),
            got=tr("{count} requests", count=len(asked)),
            code="asked-again" if len(asked) > wanted else "asked-too-seldom",
            about=[order],
        )
        agreed = {"user_id": user_of(order), "template": "order_created", "order_id": order}
        other = [seen for seen in asked if not agreed.items() <= seen.json.items() or seen.key != order]
        expect(
            not other,
            tr(
                "the mailer is asked for {agreed} under the Idempotency-Key {key}", agreed=json.dumps(agreed), key=order
            ),
            got=tr(
                "{asked} under {key}",
                asked=(other or asked)[0].body.decode(errors="replace"),
                key=repr((other or asked)[0].key),
            ),
            code="another-mail",
            about=[order],
        )


@behaviour("C2", start=False)
def check_what_always_fails_is_parked(system, broker, stub, wire, new):
    system.start("notifications", env={"MAX_DELIVERIES": FEW})
    listening(broker)
    order = told(new)
    fails(stub, order, status(503))
    publish(broker, order)

    def there() -> bool:
        expect_no_loop(wire, [event_id(order)])
        return len(asked_about(stub, order)) >= FEW or bool(broker.depth(DLQ))

    within(LOST, there)
    if not stays(lambda: len(asked_about(stub, order)) <= FEW, QUIET):
        within(0.7, lambda: expect_no_loop(wire, [event_id(order)]))
    times = len(asked_about(stub, order))
    expect(
        2 <= times <= FEW,
        tr("order {order}: the mailer always answers 503 and is asked 2 to {most} times", order=order, most=FEW),
        got=tr("{count} requests", count=times),
        code="gives-up-at-once" if times < 2 else "never-gives-up",
        about=[order],
    )
    parked(broker, wire, [order])
    worked_off(broker)
    expect_as_it_was(broker, {event_id(order): body_of(order)})


@behaviour("C3")
def check_what_cannot_succeed_is_parked_at_once(broker, stub, wire, new):
    listening(broker)
    refused, good = told(new), told(new)
    fails(stub, refused, status(422))
    incomplete = json.dumps(broker.event(KEY, {"amount": AMOUNT})).encode()
    unreadable = {new.id("message"): body for body in (b"not json", b'{"hello": "world"}', incomplete)}
    for ident, body in unreadable.items():
        broker.publish(body, routing_key=KEY, message_id=ident, headers=THEIRS)
    publish(broker, refused)
    publish(broker, good)
    mailed(broker, stub, wire, [good], watched=unreadable)
    wanted = {**unreadable, event_id(refused): body_of(refused)}

    def all_parked() -> bool:
        expect_no_loop(wire, wanted)
        return bool(broker.depth(DLQ) >= len(wanted))

    eventually(
        all_parked,
        tr("{count} messages that can never succeed in {queue}", count=len(wanted), queue=DLQ),
        LOST,
        code="not-parked",
        got=lambda: where(broker),
        about=[*wanted, refused],
    )
    worked_off(broker)
    delivered = wire.deliveries(LINK, QUEUE)
    times = {ident: sum(flow.message == ident for flow in delivered) for ident in unreadable}
    worst = max(times, key=lambda ident: times[ident])
    expect(
        times[worst] <= 2,
        tr("a message that nobody can read is delivered twice at most"),
        got=tr("{count} deliveries of {message}", count=times[worst], message=worst),
        code="retries-the-unreadable",
        about=[worst],
    )
    expect(
        len(asked_about(stub, refused)) == 1,
        tr("order {order}: the mailer says no (422) and is asked once", order=refused),
        got=tr("{count} requests", count=len(asked_about(stub, refused))),
        code="retries-a-refusal",
        about=[refused],
    )
    expect_as_it_was(broker, wanted)


@behaviour("C4", start=False)
def check_there_is_a_pause_between_attempts(system, broker, stub, wire, new):
    system.start("notifications", env={"MAX_DELIVERIES": FEW, "RETRY_DELAY_MS": round(SLOWLY * 1000)})
    listening(broker)
    orders = [told(new) for _ in range(3)]
    for order in orders:
        fails(stub, order, status(503), times=FEW - 1)
        publish(broker, order)
    mailed(broker, stub, wire, orders)
    for order in orders:
        times = [seen.at for seen in asked_about(stub, order)]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        expect(
            min(gaps) >= SLOWLY / 2,
            tr(
                "order {order}: RETRY_DELAY_MS is {delay:.0f}, and at least half of it lies between two attempts",
                order=order,
                delay=SLOWLY * 1000,
            ),
            got=tr("pauses of {gaps} ms", gaps=", ".join(f"{gap * 1000:.0f}" for gap in gaps)),
            code="tries-again-at-once" if min(gaps) < 0.05 else "tries-again-too-soon",
            about=[order],
        )


@behaviour("C5", start=False)
def check_failing_events_hold_up_nobody(system, broker, stub, wire, new):
    system.start("notifications", env={"RETRY_DELAY_MS": round(MUCH_LATER * 1000)})
    listening(broker)
    bad, good = [told(new) for _ in range(HAND + 2)], [told(new) for _ in range(10)]
    for order in bad:
        fails(stub, order, status(503))
    for order in [*bad, *good]:
        publish(broker, order)
    mailed(broker, stub, wire, good)
    began = min(seen.at for order in bad for seen in asked_about(stub, order))
    late = [order for order in good if asked_about(stub, order)[0].at > began + MUCH_LATER / 2]
    expect(
        not late,
        tr(
            "{bad} failing orders, {good} good ones behind them, done within {seconds:g} s (half of the delay)",
            bad=len(bad),
            good=len(good),
            seconds=MUCH_LATER / 2,
        ),
        got=tr("{count} of them had to wait, {first} first", count=len(late), first=late[0] if late else ""),
        code="held-up",
        about=[*late[:1], bad[0]],
    )


@behaviour("C6")
def check_nothing_vanishes(system, broker, stub, wire, faults, new):
    listening(broker)
    good, flaky, bad, refused = ([told(new) for _ in range(4)] for _ in range(4))
    for order in flaky:
        fails(stub, order, status(503), times=1)
    for order in bad:
        fails(stub, order, status(503))
    for order in refused:
        fails(stub, order, status(410))
    poison = [new.id("message") for _ in range(4)]
    cut = faults.add(f'reset {LINK} x1 on "publish *"')  # if they are moved by publishing
    for number in range(4):
        for orders in (good, flaky, bad, refused):
            publish(broker, orders[number])
        broker.publish(b"not json", routing_key=KEY, message_id=poison[number])
    within(5.0, lambda: all(asked_about(stub, order) for order in [*good, *flaky, *bad]))
    system.kill("notifications")
    faults.heal(cut)
    system.start("notifications")
    mailed(broker, stub, wire, [*good, *flaky])
    wanted = {*map(event_id, bad), *map(event_id, refused), *poison}
    eventually(
        lambda: broker.depth(DLQ) >= len(wanted),
        tr("{count} messages that cannot be sent in {queue}", count=len(wanted), queue=DLQ),
        LOST,
        code="vanished",
        got=lambda: where(broker),
        about=[*bad[:1], *refused[:1], *poison[:1]],
    )
    worked_off(broker)
    found = {message.message_id for message in emptied(broker)}
    lost = wanted - found
    expect(
        not lost,
        tr("{count} messages cannot be sent: each of them is in {queue}", count=len(wanted), queue=DLQ),
        got=tr("{count} of them are nowhere: {names}", count=len(lost), names=", ".join(sorted(lost)[:3])),
        code="vanished",
        about=sorted(lost)[:1],
    )
    sent_too = {*map(event_id, [*good, *flaky])} & found
    expect(
        not sent_too,
        tr("what was sent is not parked"),
        got=tr("{count} of them are in {queue}, too", count=len(sent_too), queue=DLQ),
        code="sent-and-parked",
        about=sorted(sent_too)[:1],
    )


@behaviour("C7")
def check_a_replay_is_a_second_chance(http, broker, stub, wire, faults, new):
    listening(broker)
    expect_replayed(replayed(http), 0)
    orders = [told(new) for _ in range(3)]
    for order in orders:
        fails(stub, order, status(503))
        publish(broker, order)
    # So many that the first one is parked again before the last one is replayed.
    poison = [new.id("message") for _ in range(POISON)]
    for ident in poison:
        broker.publish(b"not json", routing_key=KEY, message_id=ident)
    parked(broker, wire, [*orders, *poison])
    worked_off(broker)

    stub["notify"].heal()
    fails(stub, orders[0], status(503), times=ATTEMPTS - 1)
    before = {order: len(asked_about(stub, order)) for order in orders}
    expect_replayed(replayed(http), len(orders) + POISON, poison[0])
    mailed(broker, stub, wire, orders, code="replayed-in-vain")
    parked(broker, wire, poison)
    worked_off(broker)
    expect(
        broker.depth(DLQ) == POISON,
        tr("after the replay {count} unreadable messages are in {queue}, and nothing else", count=POISON, queue=DLQ),
        got=where(broker),
        code="still-parked",
        about=orders[:1],
    )
    for order, wanted in zip(orders, (ATTEMPTS, 1, 1), strict=True):
        times = len(asked_about(stub, order)) - before[order]
        expect(
            times == wanted,
            tr("order {order} after the replay: {count} requests to the mailer", order=order, count=wanted),
            got=tr("{count} requests", count=times),
            code="replayed-twice",
            about=[order],
        )

    emptied(broker)
    orders = [told(new) for _ in range(3)]
    for order in orders:
        fails(stub, order, status(410))
        publish(broker, order)
    parked(broker, wire, orders)
    worked_off(broker)
    stub["notify"].heal()
    cut = faults.add(f'reset {LINK} x1 on "publish *"')
    replayed(http)
    within(2.0, lambda: faults.victims(cut))
    faults.heal(cut)
    tried: list[Answer] = []

    def goes() -> bool:
        tried.append(replayed(http))
        return tried[-1].status == 200

    eventually(
        goes,
        tr("POST {path} after one that was cut off: 200", path=REPLAY),
        code="no-replay",
        got=lambda: tried[-1],
        about=orders[:1],
    )
    mailed(broker, stub, wire, orders, code="lost-in-a-replay")


@behaviour("C8", start=False)
def check_pending_retries_outlive_everybody(system, broker, stub, wire, new):
    system.start("notifications", env={"RETRY_DELAY_MS": round(PENDING * 1000)})
    listening(broker)
    orders = [told(new) for _ in range(3)]
    for order in orders:
        fails(stub, order, status(503))
        publish(broker, order)
    poison = broker.publish(b"not json", routing_key=KEY, message_id=new.id("message"))
    parked(broker, wire, [poison])
    within(5.0, lambda: all(asked_about(stub, order) for order in orders))
    within(0.7, lambda: not broker.depth(QUEUE) and not broker.unacked(QUEUE))
    system.kill("notifications")
    stub["notify"].heal()
    broker.restart()
    expect(
        broker.exists(QUEUE),
        tr("the queue {queue} is there after a restart of the broker", queue=QUEUE),
        got=tr("it is gone"),
        code="queue-gone",
        about=[orders[0]],
    )
    system.start("notifications")
    mailed(broker, stub, wire, orders, code="forgotten")
    expect(
        broker.depth(DLQ) >= 1,
        tr("what was parked is in {queue} after the restart of the broker", queue=DLQ),
        got=where(broker),
        code="parked-in-memory",
        about=[poison],
    )


# -- orders and their events


def told(new: Any) -> str:
    """The id of a new order."""
    return str(new.id("order"))


def user_of(order: str) -> str:
    return f"user-of-{order}"


def event_id(order: str) -> str:
    return f"event-of-{order}"


def body_of(order: str) -> bytes:
    """Its event, in bytes of our own: whoever writes it anew writes it otherwise."""
    event = {
        "specversion": "1.0",
        "id": event_id(order),
        "source": "/orders",
        "type": KEY,
        "time": "2026-01-12T09:30:00Z",
        "data": {"order_id": order, "user_id": user_of(order), "amount": AMOUNT},
    }
    return json.dumps(event, indent=1).encode()


def publish(broker: Any, order: str) -> None:
    broker.publish(
        body_of(order),
        routing_key=KEY,
        message_id=event_id(order),
        content_type="application/cloudevents+json",
        headers=THEIRS,
    )


def listening(broker: Any) -> None:
    """The service has its queues, and consumes unless it fetches messages one by one."""
    eventually(
        lambda: broker.exists(QUEUE),
        tr("notifications to declare its queue {queue}", queue=QUEUE),
        code="no-queue",
        got=lambda: tr("no such queue"),
    )
    within(2.0, lambda: broker.consumers(QUEUE))


def worked_off(broker: Any) -> None:
    """Return when nothing is in the queue or in somebody's hand. What waits for its next attempt may be elsewhere."""
    broker.drained(QUEUE)


def where(broker: Any) -> str:
    """Where messages are."""
    return tr(
        "in {queue} {ready} ready and {unacked} unacknowledged, in {dlq} {dead}",
        queue=QUEUE,
        ready=broker.depth(QUEUE),
        unacked=broker.unacked(QUEUE),
        dlq=DLQ if broker.exists(DLQ) else tr("{dlq}, which does not exist,", dlq=DLQ),
        dead=broker.depth(DLQ),
    )


def expect_no_loop(wire: Any, messages: Iterable[str]) -> None:
    delivered = [flow.message for flow in wire.deliveries(LINK, QUEUE)]
    for ident in messages:
        expect(
            delivered.count(ident) <= TOO_OFTEN,
            tr("message {message} does not come again at once", message=ident),
            got=tr("{count} deliveries: it is put back into the queue again and again", count=delivered.count(ident)),
            code="requeued-endlessly",
            about=[ident],
        )


# -- mails


def fails(stub: Any, order: str, deed: Any, times: int | None = None) -> None:
    """Let the mailer do this about the order."""
    stub["notify"].will(deed, on=MAIL, times=times, where=lambda seen: is_about(seen, order))


def is_about(seen: Any, order: str) -> bool:
    return isinstance(seen.json, dict) and seen.json.get("order_id") == order


def asked_about(stub: Any, order: str) -> list[Any]:
    """The requests to the mailer about it."""
    return [seen for seen in stub["notify"].seen if is_about(seen, order)]


def mailed(broker: Any, stub: Any, wire: Any, orders: list[str], code: str = "", watched: Iterable[str] = ()) -> None:
    """A mail about each of them, sooner or later, while none of the `watched` messages comes again and again."""

    def missing() -> list[str]:
        expect_no_loop(wire, [*map(event_id, orders), *watched])
        there = {mail.get("order_id") for mail in stub["notify"].sent}
        return [order for order in orders if order not in there]

    if within(LOST, lambda: not missing()):
        return
    lost = missing()
    asked = len(asked_about(stub, lost[0])) if lost else 0
    expect(
        not lost,
        tr("a mail about each of {count} orders", count=len(orders)),
        got=tr(
            "{count} without one, {first} first, about which the mailer was asked {asked} times; {where}",
            count=len(lost),
            first=lost[0] if lost else "",
            asked=asked,
            where=where(broker),
        ),
        code=code or ("never-tried" if not asked else "not-tried-again" if asked == 1 else "not-mailed"),
        about=lost[:1],
    )


# -- dead letters


def parked(broker: Any, wire: Any, messages: list[str]) -> None:
    """So many are in the dead letter queue."""

    def there() -> bool:
        expect_no_loop(wire, [one if one.startswith("message") else event_id(one) for one in messages])
        return bool(broker.depth(DLQ) >= len(messages))

    eventually(
        there,
        tr("{count} in {queue}: {names}", count=len(messages), queue=DLQ, names=", ".join(messages[:3])),
        LOST,
        code="not-parked",
        got=lambda: where(broker),
        about=messages[:1],
    )


def emptied(broker: Any) -> list[Any]:
    """What was in the dead letter queue."""
    found = []
    while (message := broker.get(DLQ)) is not None:
        found.append(message)
    return found


def expect_as_it_was(broker: Any, wanted: dict[str, bytes]) -> None:
    """The dead letter queue holds these messages, by their ids: body and headers as they were, and a reason besides."""
    found = {message.message_id: message for message in emptied(broker)}
    missing = [ident for ident in wanted if ident not in found]
    expect(
        not missing,
        tr("{count} messages in {queue} under the message_id that they came with", count=len(wanted), queue=DLQ),
        got=tr("{names} instead", names=", ".join(repr(ident) for ident in found) or tr("nothing")),
        code="another-message-id",
        about=missing[:1],
    )
    for ident, body in wanted.items():
        message = found[ident]
        expect(
            message.body == body,
            tr("message {message} in {queue} has the body that it came with", message=ident, queue=DLQ),
            got=repr(message.body[:200]),
            code="another-body",
            about=[ident],
        )
        expect(
            THEIRS.items() <= message.headers.items(),
            tr(
                "message {message} in {queue} has the headers that it came with: {headers}",
                message=ident,
                queue=DLQ,
                headers=THEIRS,
            ),
            got=str(dict(message.headers)),
            code="headers-lost",
            about=[ident],
        )
        expect(
            message.headers.get("x-error") or message.headers.get("x-death"),
            tr("message {message} in {queue} says why: in x-error or x-death", message=ident, queue=DLQ),
            got=str(dict(message.headers)),
            code="without-a-reason",
            about=[ident],
        )


def replayed(http: Http) -> Answer:
    return http.post(REPLAY, timeout=ANSWERED + 2)


def expect_replayed(answer: Answer, count: int, *about: str) -> None:
    expect(
        answer.status == 200
        and answer.seconds <= ANSWERED
        and isinstance(answer.json, dict)
        and answer.json.get("replayed") == count,
        tr('POST {path}: 200 {{"replayed": {count}}}', path=REPLAY, count=count),
        got=f"{answer}: {answer.text[:200]}",
        code="no-replay"
        if answer.status != 200 and answer.status is not None
        else "replays-for-ever"
        if answer.status is None or answer.seconds > ANSWERED
        else "miscounts",
        about=[answer, *about],
    )
