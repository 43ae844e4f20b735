"""Exercise 3.2: what orders has taken becomes a mail, whatever dies or breaks in between."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from lab.grading import (
    Answer,
    Http,
    behaviour,
    delay,
    eventually,
    expect,
    hold,
    reset,
    status,
    stays,
    tr,
    within,
)

KEY = "order.created"
QUEUE = "notifications.order-created"
TEMPLATE = "order_created"
PUBLISHES = "orders->amqp"
CONSUMES = "notifications->amqp"
MAIL = "POST /notify"
FULL = "lab.full"
"""A queue that takes nothing more."""

AMOUNT = 25_000
HEARTBEAT = 2.0
"""Seconds, as the address of the broker says."""
SLOW = 3.5 * HEARTBEAT
"""After so long without a sign every broker has given up a connection."""
FEW = 3
"""A PREFETCH that is not the usual one."""
WAITING = 60
SHARED = 40
CROWD = 8
"""Clients who order at the same moment."""
BACKLOG = 15
"""More than PREFETCH: some of these events are in nobody's hand."""
ANSWERED = 10.0
"""Seconds within which an order is answered, whatever the broker does."""
BACK = 30.0
"""Seconds within which everything goes on after a disturbance."""
LOST = 10.0
"""Seconds after which an event that was given back is not on its way any more."""
ENDLESS = 50
"""So often no sensible retry delivers one message within seconds."""


@behaviour("C1")
def check_an_order_becomes_a_mail(system, http, broker, stub, wire, new):
    listening(broker)
    taking(http, new)
    cancelled = told(broker, new, "order.cancelled")
    with broker.listen(KEY) as heard:
        order = ordered(http, new)
        agreed = {"user_id": order.sent["user_id"], "amount": order.sent["amount"]}
        expect(
            agreed.items() <= order.json.items(),
            tr("POST /orders answers with id, user_id and amount"),
            got=f"{order}: {order.text[:200]}",
            code="half-an-order",
            about=[order],
        )
        expect_announced(heard, order)
    mailed(broker, stub, [order])
    broker.drained(QUEUE)
    expect_one_mail(stub, order)
    expect(
        not asked_about(stub, cancelled),
        tr("no mail about order {order}, of which only order.cancelled told", order=cancelled),
        got=tr("{count} requests to the mailer", count=len(asked_about(stub, cancelled))),
        code="not-an-order",
        about=[cancelled],
    )
    _killed_in_the_middle(system, http, broker, stub, wire, new)
    _not_sent_at_first(http, stub, new)


def _killed_in_the_middle(system: Any, http: Http, broker: Any, stub: Any, wire: Any, new: Any) -> None:
    since = wire.mark()
    held = stub["notify"].will(hold(), on=MAIL)
    orders = [ordered(http, new) for _ in range(3)]
    held.wait()
    within(0.4, lambda: held.held >= len(orders))
    system.kill("notifications")
    killed, died = wire.mark(), time.monotonic()
    within(3.0, lambda: not broker.consumers(QUEUE))  # the broker has noticed
    stub["notify"].heal()
    system.start("notifications")
    for order in orders:
        ident = order_of(order)
        if not within(LOST, lambda ident=ident: asked_about(stub, ident, died)):  # type: ignore[misc]
            events = [flow.message for flow in wire.flows(PUBLISHES, f"publish {KEY}*", since)]
            early = wire.acknowledged(CONSUMES, events, since) and not wire.acknowledged(CONSUMES, events, killed)
            expect(
                False,
                tr(
                    "notifications was killed while it wrote about order {order}: it does so after the start",
                    order=ident,
                ),
                got=tr("no request to the mailer since: the event had been acknowledged before the mailer answered")
                if early
                else tr("no request to the mailer since"),
                code="acknowledged-before-the-work" if early else "lost-in-a-crash",
                about=[order, ident],
            )
    mailed(broker, stub, orders)


def _not_sent_at_first(http: Http, stub: Any, new: Any) -> None:
    """A mailer that fails has sent nothing."""
    for deed, trouble in ((status(503), tr("answered 503")), (reset(), tr("broke the connection off"))):
        stub["notify"].will(deed, on=MAIL, times=1)
        order = ordered(http, new)
        ident = order_of(order)
        if not within(BACK, lambda ident=ident: ident in sent(stub)):  # type: ignore[misc]
            expect(
                False,
                tr(
                    "order {order}, about which the mailer at first {trouble}, becomes a mail",
                    order=ident,
                    trouble=trouble,
                ),
                got=tr("{count} requests to the mailer, and no mail", count=len(asked_about(stub, ident))),
                code="acknowledged-what-failed" if asked_about(stub, ident) else "never-asked",
                about=[order, ident],
            )


@behaviour("C2")
def check_everything_goes_on_after_a_cut(system, http, broker, stub, faults, new):
    listening(broker)
    taking(http, new)
    pids = {name: system.pid(name) for name in ("orders", "notifications")}

    held = stub["notify"].will(hold(), on=MAIL)
    orders = [ordered(http, new) for _ in range(3)]
    held.wait()
    for link in (PUBLISHES, CONSUMES):
        faults.add(f"reset {link}")
    held.release()
    when = tr("all connections to the broker were cut")
    orders.append(taking(http, new, when))
    survived(system, pids, when)
    mailed(broker, stub, orders, when)

    held = stub["notify"].will(hold(), on=MAIL)
    orders = [ordered(http, new) for _ in range(BACKLOG)]
    held.wait()
    broker.restart()
    held.release()
    when = tr("the broker was restarted")
    orders.append(taking(http, new, when))
    survived(system, pids, when)
    mailed(broker, stub, orders, when)
    survived(system, pids, when)


@behaviour("C3", start=False)
def check_only_a_few_in_hand(system, broker, stub, new):
    system.start("notifications", env={"PREFETCH": FEW})
    listening(broker)
    held = stub["notify"].will(hold(), on=MAIL)
    events = [told(broker, new) for _ in range(WAITING)]
    held.wait()
    worst = 0

    def too_many() -> bool:
        nonlocal worst
        worst = max(worst, int(broker.unacked(QUEUE)))
        return worst > FEW

    within(0.7, too_many)
    expect(
        worst <= FEW,
        tr(
            "{count} events wait, and PREFETCH is {few}: notifications has at most {few} in hand",
            count=WAITING,
            few=FEW,
        ),
        got=tr("{worst} unacknowledged", worst=worst),
        code="no-prefetch" if worst >= WAITING - FEW else "another-prefetch",
    )
    held.release()
    mailed(broker, stub, events)


@behaviour("C4", start=False)
def check_two_instances_share_the_work(system, broker, stub, wire, new):
    system.start("notifications")
    listening(broker)
    held = stub["notify"].will(hold(), on=MAIL)
    events = [told(broker, new) for _ in range(SHARED // 2)]
    held.wait()
    instances = system.scale("notifications", 2)
    since = wire.mark()
    within(5.0, lambda: len({flow.source for flow in wire.deliveries(CONSUMES, QUEUE)}) > 1)
    events += [told(broker, new) for _ in range(SHARED // 2)]
    stub["notify"].will(delay(0.05), on=MAIL)
    held.release()
    mailed(broker, stub, events)
    broker.drained(QUEUE)
    twice = [order for order in events if len(asked_about(stub, order)) > 1]
    expect(
        not twice,
        tr("{count} orders are {count} requests to the mailer, although there are two instances", count=SHARED),
        got=tr("{count} orders with more than one, {first} first", count=len(twice), first=twice[0] if twice else ""),
        code="each-gets-all",
        about=twice[:1],
    )
    share = Counter(flow.source for flow in wire.flows(CONSUMES, since=since) if flow.role == "ack" and not flow.back)
    least = min(share[name] for name in instances)
    expect(
        least >= SHARED / 5,
        tr("two instances share {count} events: each does at least a fifth", count=SHARED),
        got=", ".join(f"{name}: {share[name]}" for name in instances),
        code="not-shared",
        about=events[-1:],
    )


@behaviour("C5")
def check_work_and_silence_longer_than_heartbeats(http, broker, stub, new):
    listening(broker)
    taking(http, new)
    mailed(broker, stub, [ordered(http, new)])
    held = stub["notify"].will(hold(), on=MAIL)
    slow = ordered(http, new)
    ident = order_of(slow)
    held.wait()
    stays(lambda: len(asked_about(stub, ident)) == 1, SLOW)
    stub["notify"].will(delay(0), on=MAIL)
    answer = order(http, new)
    held.release()
    expect(
        taken(answer),
        tr("POST /orders after {seconds:g} s without one: 201", seconds=SLOW),
        got=answer,
        code="dead-when-idle",
        about=[answer],
    )
    mailed(broker, stub, [slow, answer])
    broker.drained(QUEUE)
    times = len(asked_about(stub, ident))
    expect(
        times == 1,
        tr(
            "the mailer takes {seconds:g} s for order {order}, more than three heartbeats: it is asked once",
            seconds=SLOW,
            order=ident,
        ),
        got=tr(
            "{times} requests: the broker gave the event to somebody else, because nobody answered its heartbeats",
            times=times,
        ),
        code="dead-at-work",
        about=[slow, ident],
    )


@behaviour("C6")
def check_taken_means_confirmed(http, broker, faults, new):
    taking(http, new)
    with broker.listen(KEY) as heard:
        many = http.at_once([lambda: order(http, new)] * (3 * CROWD), limit=CROWD)
        for answer in many:
            expect(
                taken(answer),
                tr("{crowd} clients order at the same time: 201 for each", crowd=CROWD),
                got=answer,
                code="one-at-a-time-only",
                about=[answer],
            )
        expect_heard(heard, many, tr("{crowd} clients ordered at the same time", crowd=CROWD))

        for part, when in (
            (f"publish {KEY}*", tr("the connection was cut while its event was on its way")),
            (f"confirm {KEY}*", tr("the connection was cut while its confirm was on its way")),
        ):
            faults.add(f'reset {PUBLISHES} x1 on "{part}"')
            answers = http.at_once([lambda: order(http, new)] * CROWD, limit=CROWD)
            for answer in answers:
                expect_answered(answer, when)
            again = taking(http, new, when)
            expect_heard(heard, [*filter(taken, answers), again], when)

        faults.add(f"lose-confirm {PUBLISHES}")
        when = tr("the broker’s confirm was lost")
        answer = order(http, new)
        expect_answered(answer, when)
        again = taking(http, new, when)
        expect_heard(heard, [*filter(taken, [answer]), again], when)

        broker.declare(FULL, KEY, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
        broker.publish(b"", FULL, exchange="")
        expect_refused(order(http, new), tr("the broker does not accept the event (nack)"), "nack-is-a-confirm")
        broker.delete(FULL)
        taking(http, new, tr("the broker has refused an event"))

    for fault, when in (
        ("blackhole", tr("the broker does not answer")),
        ("refuse", tr("the broker cannot be reached")),
    ):
        with faults.on(PUBLISHES, fault):
            expect_refused(order(http, new), when, "taken-without-confirm")
        taking(http, new, tr("the broker was away"))


@behaviour("C7")
def check_never_alive_and_deaf(system, http, broker, stub, wire, new):
    listening(broker)
    taking(http, new)
    pid = system.pid("notifications")
    broker.delete(QUEUE)
    when = tr("its queue was deleted")
    listening(broker, BACK, when)
    answer = ordered(http, new)
    mailed(broker, stub, [answer], when)

    poison = [
        broker.publish(b"not json", routing_key=KEY),
        broker.publish(json.dumps({"hello": "world"}), routing_key=KEY),
    ]
    answer = ordered(http, new)

    def worked_off() -> bool:
        expect(
            system.pid("notifications") == pid,
            tr("notifications keeps running, although two unreadable messages came"),
            got=tr("its process ended"),
            code="died",
            about=poison,
        )
        delivered = wire.deliveries(CONSUMES, QUEUE)
        times = max(sum(flow.message == ident for flow in delivered) for ident in poison)
        expect(
            times <= ENDLESS,
            tr("a message that nobody can read is set aside"),
            got=tr("it was delivered {times} times: it is requeued again and again", times=times),
            code="requeued-endlessly",
            about=poison,
        )
        there = order_of(answer) in sent(stub)
        return there and not (broker.depth(QUEUE) or broker.unacked(QUEUE))

    eventually(
        lambda: worked_off() and stays(worked_off),
        tr("a mail about order {order}, although two unreadable messages came first", order=order_of(answer)),
        code="deaf-after-poison",
        got=lambda: tr(
            "{mails} mails about it; in the queue {depth} ready, {unacked} unacknowledged, {consumers} consumers",
            mails=int(order_of(answer) in sent(stub)),
            depth=broker.depth(QUEUE),
            unacked=broker.unacked(QUEUE),
            consumers=broker.consumers(QUEUE),
        ),
        about=[answer, order_of(answer), *poison],
    )


# -- orders


def order(http: Http, new: Any) -> Answer:
    asked = {"user_id": new.id("user"), "amount": AMOUNT}
    return http["orders"].post("/orders", json=asked, timeout=ANSWERED + 2)


def taken(answer: Answer) -> bool:
    return answer.status == 201 and bool(isinstance(answer.json, dict) and answer.json.get("id"))


def ordered(http: Http, new: Any) -> Answer:
    answer = order(http, new)
    expect(taken(answer), tr("POST /orders: 201 with an id"), got=answer, code="order-refused", about=[answer])
    return answer


def taking(http: Http, new: Any, when: str = "") -> Answer:
    """Return the first order that is taken; the service may need some time to find the broker (again)."""
    tried: list[Answer] = []

    def placed() -> bool:
        tried.append(order(http, new))
        return taken(tried[-1])

    def shown() -> Iterator[Answer]:
        yield tried[-1]

    eventually(
        placed,
        tr("POST /orders to answer 201 again after {when}", when=when) if when else tr("POST /orders to answer 201"),
        BACK,
        code="takes-no-orders" if when else "order-refused",
        got=lambda: tried[-1],
        about=shown(),
    )
    return tried[-1]


def order_of(order: Answer | str) -> str:
    """Its id. Orders that the lab tells of itself are given by that."""
    return order if isinstance(order, str) else str(order.json["id"])


def expect_answered(answer: Answer, when: str) -> None:
    """Yes or no, and in time."""
    expect(
        taken(answer) or (answer.status == 503 and answer.seconds <= ANSWERED),
        tr("POST /orders is answered with 201 or 503 within {limit:g} s, although {when}", limit=ANSWERED, when=when),
        got=answer,
        code="waits-for-ever" if answer.status is None or answer.seconds > ANSWERED else "answered-otherwise",
        about=[answer],
    )


def expect_refused(answer: Answer, when: str, code: str) -> None:
    expect(
        answer.status == 503 and answer.code == "broker_unavailable" and answer.seconds <= ANSWERED,
        tr("POST /orders while {when}: 503 broker_unavailable within {limit:g} s", when=when, limit=ANSWERED),
        got=tr("{answer} after {seconds:.1f} s", answer=answer, seconds=answer.seconds),
        code=code
        if answer.outcome == "ok"
        else "waits-for-ever"
        if answer.status is None or answer.seconds > ANSWERED
        else "refused-otherwise",
        about=[answer],
    )


def survived(system: Any, pids: dict[str, int | None], when: str) -> None:
    for name, pid in pids.items():
        expect(
            system.pid(name) == pid,
            tr("{name} keeps running, although {when}", name=name, when=when),
            got=tr("its process ended"),
            code="died-with-the-connection",
        )


# -- events


def told(broker: Any, new: Any, kind: str = KEY) -> str:
    """Tell of an order past the service; its id."""
    ident: str = new.id("order")
    broker.publish(broker.event(kind, {"order_id": ident, "user_id": new.id("user"), "amount": AMOUNT}))
    return ident


def events_of(heard: Iterable[Any], order: Answer) -> list[Any]:
    """What was published about it."""
    return [
        message
        for message in heard
        if isinstance(message.json, dict)
        and isinstance(message.json.get("data"), dict)
        and message.json["data"].get("order_id") == order_of(order)
    ]


def expect_announced(heard: Any, order: Answer) -> None:
    eventually(
        lambda: events_of(heard.messages, order),
        tr("{key} of order {order} on shop.events", key=KEY, order=order_of(order)),
        code="not-announced",
        got=lambda: [message.body.decode(errors="replace") for message in heard.messages],
        about=[order],
    )
    message = events_of(heard.messages, order)[0]
    event = message.json
    agreed = {"order_id": order_of(order), "user_id": order.sent["user_id"], "amount": order.sent["amount"]}
    wrong = [
        said
        for fits, said in (
            (event.get("specversion") == "1.0", tr("specversion is not 1.0")),
            (event.get("type") == KEY, tr("its type is not {key}", key=KEY)),
            (bool(event.get("id")), tr("it has no id")),
            (message.message_id == str(event.get("id")), tr("message_id is not its id")),
            (agreed.items() <= event["data"].items(), tr("data is not {data}", data=agreed)),
        )
        if not fits
    ]
    expect(
        not wrong,
        tr("the event about order {order} is as agreed", order=order_of(order)),
        got=f"{'; '.join(wrong)}: {message.body.decode(errors='replace')}",
        code="malformed-event",
        about=[order, message.message_id],
    )


def expect_heard(heard: Any, orders: list[Answer], when: str) -> None:
    """The broker has an event of each order that was answered with 201, and however often it has it, under one id."""
    found = {order_of(order): events_of(heard.up_to_now(), order) for order in orders}
    missing = [order for order in orders if not found[order_of(order)]]
    expect(
        not missing,
        tr(
            "order {order} was answered with 201: the broker has its event, although {when}",
            order=names(missing),
            when=when,
        ),
        got=tr("no such event: {count} of {all} orders are lost", count=len(missing), all=len(orders)),
        code="taken-and-lost",
        about=missing[:1],
    )
    for order in orders:
        idents = {str(message.json.get("id")) for message in found[order_of(order)]}
        expect(
            len(idents) == 1,
            tr("order {order} is one event: published again, it keeps its id", order=order_of(order)),
            got=tr("{count} ids: {idents}", count=len(idents), idents=", ".join(sorted(idents))),
            code="new-id-each-time",
            about=[order],
        )


def names(orders: list[Answer]) -> str:
    return ", ".join(map(order_of, orders[:3]))


def listening(broker: Any, patience: float = 20.0, when: str = "") -> None:
    """The service has its queue, and consumes from it unless it fetches messages one by one."""
    eventually(
        lambda: broker.exists(QUEUE),
        tr("notifications to declare its queue {queue} again after {when}", queue=QUEUE, when=when)
        if when
        else tr("notifications to declare its queue {queue}", queue=QUEUE),
        patience,
        code="deaf-after-the-queue-went" if when else "no-queue",
        got=lambda: tr("no such queue"),
    )
    within(2.0, lambda: broker.consumers(QUEUE))


# -- mails


def sent(stub: Any) -> set[str]:
    """The orders about which a mail was sent."""
    return {str(mail.get("order_id")) for mail in stub["notify"].sent}


def asked_about(stub: Any, order: str, since: float = 0.0) -> list[Any]:
    """The requests to the mailer about it."""
    return [
        seen
        for seen in stub["notify"].seen
        if seen.at > since and isinstance(seen.json, dict) and seen.json.get("order_id") == order
    ]


def mailed(broker: Any, stub: Any, orders: Iterable[Answer | str], when: str = "") -> None:
    """A mail about each of them, sooner or later."""
    wanted = {order_of(order): order for order in orders}

    def missing() -> list[str]:
        there = sent(stub)
        return [ident for ident in wanted if ident not in there]

    def shown() -> Iterator[Answer | str]:
        for ident in missing()[:1]:
            yield from (wanted[ident], ident)

    def state() -> tuple[str, str]:
        if not broker.exists(QUEUE):
            return "queue-gone", tr("the queue {queue} is gone", queue=QUEUE)
        waiting, consumers = broker.depth(QUEUE), broker.consumers(QUEUE)
        words = tr(
            "in {queue} {waiting} ready, {unacked} unacknowledged, {consumers} consumers",
            queue=QUEUE,
            waiting=waiting,
            unacked=broker.unacked(QUEUE),
            consumers=consumers,
        )
        return ("nobody-consumes" if waiting and not consumers else "lost" if not waiting else "not-mailed"), words

    eventually(
        lambda: not missing(),
        tr("a mail about each of {count} orders, although {when}", count=len(wanted), when=when)
        if when
        else tr("a mail about each of {count} orders", count=len(wanted)),
        BACK,
        code=lambda: state()[0],
        got=lambda: tr(
            "{count} without one, {first} first; {state}", count=len(missing()), first=missing()[0], state=state()[1]
        ),
        about=shown(),
    )


def expect_one_mail(stub: Any, order: Answer) -> None:
    """One request, as agreed."""
    ident, asked = order_of(order), asked_about(stub, order_of(order))
    agreed = {"user_id": order.sent["user_id"], "template": TEMPLATE, "order_id": ident}
    expect(
        len(asked) == 1,
        tr("one request to the mailer about order {order}", order=ident),
        got=tr("{count} requests", count=len(asked)),
        code="asked-twice",
        about=[order, ident],
    )
    expect(
        agreed.items() <= asked[0].json.items() and asked[0].key == ident,
        tr("the mailer is asked for {agreed} under the Idempotency-Key {key}", agreed=json.dumps(agreed), key=ident),
        got=tr("{asked} under {key}", asked=asked[0].body.decode(errors="replace"), key=repr(asked[0].key)),
        code="without-a-key" if asked[0].key != ident else "another-mail",
        about=[order, ident],
    )
