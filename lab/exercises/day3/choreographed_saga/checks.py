"""Exercise 3.6: three services, no conductor; each draws its own conclusion, and together they must come out even."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from lab.grading import (
    Answer,
    Http,
    behaviour,
    eventually,
    expect,
    hold,
    lost,
    measured,
    never,
    status,
    stays,
    tr,
    trn,
    within,
)

CREATED, APPROVED, DECLINED = "order.created", "payment.approved", "payment.declined"
CONFIRMED, CANCELLED = "order.confirmed", "order.cancelled"
QUEUES = {
    "orders": "orders.payment-result",
    "payments": "payments.order-events",
    "notifications": "notifications.order-outcome",
}
PARKED = "notifications.order-outcome.dlq"
TEMPLATES = {"confirmed": "order_confirmed", "cancelled": "order_cancelled"}

AMOUNT, BEYOND = 25_000, 90_000
"""The provider approves the one and declines the other."""
OUTAGE = 5.0
"""Seconds without payments in which nobody may lose patience."""
PATIENCE = 20.0
"""Seconds within which an order has ended."""
CHAOS = 40.0
"""Seconds within which all have, after connections were broken and services killed."""
ENDLESS = 60
"""So often no sensible retry delivers one message within seconds."""
CROWD = 18
"""Orders that are placed while everything breaks."""


@behaviour("C1")
def check_approved_is_confirmed(http, broker, stub, new):
    attentive(broker)
    with broker.listen() as heard:
        charging = stub["payment"].will(hold(), on="POST /charges", times=1)
        order = placed(http, new)
        charging.wait()
        stays(lambda: state(show(http, order)) == "pending", 0.4)
        shows(http, order, "pending", code="confirmed-before-paid")
        charging.release()
        paid_at = time.monotonic()
        ended(http, order, "confirmed")
        measured("seconds", time.monotonic() - paid_at)
        paid(stub, order)
        mailed(stub, order, "confirmed")
        eventually(
            lambda: all(told(heard, order, kind) for kind in (CREATED, APPROVED, CONFIRMED)),
            tr("{kinds} of order {id}", kinds=f"{CREATED}, {APPROVED}, {CONFIRMED}", id=order.json["id"]),
            code="not-announced",
            got=lambda: ", ".join(kinds(heard, order)),
            about=[order],
        )
        settle(http, broker, stub, new)
        expect_mails(stub, [order], "mailed-otherwise")
        expect_one_thread(heard, stub, [order])
        measured("messages", len(kinds(heard, order)))


@behaviour("C2")
def check_declined_is_cancelled(http, broker, stub, new):
    attentive(broker)

    async def declined(seen: Any, _: Any) -> Any:
        return stub["payment"].decline(seen)

    with broker.listen() as heard:
        # One that is too dear, and one that nobody can tell by its amount.
        stub["payment"].will(declined, on="POST /charges", times=1)
        orders = []
        for amount in (AMOUNT, BEYOND):
            orders.append(placed(http, new, amount))
            ended(http, orders[-1], "cancelled", "payment_declined")
            mailed(stub, orders[-1], "cancelled")
        settle(http, broker, stub, new)
        expect_mails(stub, orders, "mailed-otherwise")
        for order in orders:
            shows(http, order, "cancelled", "payment_declined")
            expect(
                not open_charges(stub, order),
                tr("no money is kept for order {id}, whose payment was declined", id=order.json["id"]),
                got=some(open_charges(stub, order)),
                code="money-kept",
                about=[order],
            )
            expect(
                not told(heard, order, CONFIRMED),
                tr("order {id}, whose payment was declined, is never announced as confirmed", id=order.json["id"]),
                got=", ".join(kinds(heard, order)),
                code="confirmed-before-paid",
                about=[order],
            )


@behaviour("C3")
def check_without_payments_orders_wait(system, http, broker, stub, new):
    attentive(broker)
    system.kill("payments")
    orders = [placed(http, new), placed(http, new, BEYOND), placed(http, new)]
    never(
        lambda: [text(answer) for order in orders if state(answer := show(http, order)) != "pending"],
        tr("an order that is decided while payments is down"),
        quiet=OUTAGE,
        code="decided-without-payments",
        about=orders[:1],
    )
    system.start("payments")
    for order, wanted in zip(orders, ("confirmed", "cancelled", "confirmed"), strict=True):
        ended(http, order, wanted)
        mailed(stub, order, wanted)
        expect_money(http, stub, [order])


@behaviour("C4")
def check_no_answer_is_no_decision(http, broker, stub, new):
    attentive(broker)
    stub["notify"].will(lost(), on="POST /notify", times=1)
    stub["notify"].will(status(503), on="POST /notify", times=1)
    orders = [placed(http, new)]
    ended(http, orders[0], "confirmed")
    # Whom it hits is all the same: the first requests, whichever order they are about.
    stub["payment"].will(lost(), on="POST /charges", times=1)
    stub["payment"].will(status(503), on="POST /charges", times=2)
    orders += [placed(http, new), placed(http, new)]
    for order in orders:
        ended(http, order, "confirmed", when=tr("although the provider answered 503 and lost an answer"))
    for order in orders:
        mailed(stub, order, "confirmed", when=tr("although the mail server answered 503 and lost an answer"))
    settle(http, broker, stub, new)
    for order in orders:
        paid(stub, order)
    expect_mails(stub, orders, "mailed-twice")


@behaviour("C5")
def check_every_event_may_come_again(http, broker, stub, new):
    attentive(broker)
    with broker.listen() as heard:
        order = placed(http, new)
        ended(http, order, "confirmed")
        mailed(stub, order, "confirmed")
        for kind in (CREATED, APPROVED, CONFIRMED):
            eventually(
                lambda kind=kind: told(heard, order, kind),  # type: ignore[misc]
                tr("{kind} of order {id}", kind=kind, id=order.json["id"]),
                code="not-announced",
                about=[order],
            )
            message = told(heard, order, kind)[0]
            for _ in range(3):
                broker.publish(message.body, message.routing_key, message.message_id, content_type=message.content_type)
        broker.publish(broker.event(CONFIRMED, told(heard, order, CONFIRMED)[0].json["data"]))
        settle(http, broker, stub, new)
        shows(http, order, "confirmed")
        paid(stub, order)
        expect_mails(stub, [order], "mailed-twice")
        expect_keys(stub, [order])


@behaviour("C6")
def check_undeliverable_mail_undoes_nothing(http, broker, stub, new):
    attentive(broker)
    refused: list[Any] = []

    def first_one(seen: Any) -> bool:
        """About the order of which the mail server heard first."""
        if not refused:
            refused.append(about(seen))
        return bool(about(seen) == refused[0])

    async def undeliverable(seen: Any, _: Any) -> Any:
        return stub["notify"].decline(seen)

    stub["notify"].will(undeliverable, on="POST /notify", where=first_one)
    with broker.listen() as heard:
        order = placed(http, new)
        ended(http, order, "confirmed")
        eventually(
            lambda: refused,
            tr("notifications to ask for the mail of order {id}", id=order.json["id"]),
            code="not-mailed",
            about=[order],
        )
        others = [placed(http, new), placed(http, new, BEYOND)]
        for other, wanted in zip(others, ("confirmed", "cancelled"), strict=True):
            ended(http, other, wanted)
            mailed(stub, other, wanted, when=tr("although the mail of order {id} is refused", id=order.json["id"]))
        eventually(
            lambda: broker.depth(PARKED) == 1 and stays(lambda: broker.depth(PARKED) == 1, 0.3),
            tr(
                "the event of order {id}, whose mail is refused with 422, in {queue}", id=order.json["id"], queue=PARKED
            ),
            code=lambda: "not-parked" if broker.depth(PARKED) == 0 else "parked-too-much",
            got=lambda: tr(
                "{depth} messages there; the mail server was asked {times} times",
                depth=broker.depth(PARKED),
                times=len(asked(stub, "notify", order)),
            ),
            about=[order],
        )
        settle(http, broker, stub, new)
        parked = broker.get(PARKED)
        expect(
            data_of(parked).get("order_id") == order.json["id"],
            tr("what is in {queue} is the event of order {id}, as it was", queue=PARKED, id=order.json["id"]),
            got=parked.body.decode(errors="replace") if parked else None,
            code="parked-otherwise",
            about=[order],
        )
        shows(http, order, "confirmed", code="rolled-back")
        expect(
            not told(heard, order, CANCELLED) and len(open_charges(stub, order)) == 1,
            tr("order {id} stays confirmed and paid, although its mail cannot be sent", id=order.json["id"]),
            got=tr(
                "{kinds}; charges: {charges}",
                kinds=", ".join(kinds(heard, order)),
                charges=some(charges(stub, order)),
            ),
            code="rolled-back",
            about=[order],
        )


@behaviour("C7")
def check_late_and_strange_events(system, http, broker, stub, wire, new):
    attentive(broker)
    pids = {name: system.pid(name) for name in QUEUES}
    with broker.listen() as heard:
        won, declined = placed(http, new), placed(http, new, BEYOND)
        ended(http, won, "confirmed")
        ended(http, declined, "cancelled", "payment_declined")
        mailed(stub, won, "confirmed")
        mailed(stub, declined, "cancelled")

        stranger, undone = new.id("order"), new.id("order")
        strange = broker.publish(broker.event(APPROVED, {"order_id": stranger, "amount": AMOUNT}))
        broker.publish(broker.event(DECLINED, {"order_id": won.json["id"], "amount": AMOUNT}))
        broker.publish(broker.event(APPROVED, {"order_id": declined.json["id"], "amount": BEYOND}))
        early = broker.publish(broker.event(CANCELLED, {"order_id": undone, "reason": "cancelled_by_customer"}))
        within(1.0, lambda: wire.acknowledged("payments->amqp", [early]))
        broker.publish(broker.event(CREATED, {"order_id": undone, "ref": new.id("ref"), "amount": AMOUNT}))

        expect_alive(system, pids, strange)
        behind = placed(http, new)
        when = tr("after an event about an order that orders does not know")
        ended(http, behind, "confirmed", when=when)
        mailed(stub, behind, "confirmed", when=when)
        expect_not_endless(wire, strange, stranger)
        expect_alive(system, pids, strange)
        unknown = http.get(f"/orders/{stranger}")
        expect(
            unknown.status == 404 and unknown.code == "unknown_order",
            tr("order {id}, of which only a payment told, is unknown: 404 unknown_order", id=stranger),
            got=f"{unknown}: {unknown.text[:200]}",
            code="invented",
            about=[stranger, unknown],
        )
        for order, end, reason in ((won, "confirmed", ""), (declined, "cancelled", "payment_declined")):
            shows(http, order, end, reason, code="end-is-not-final")
            other = CANCELLED if end == "confirmed" else CONFIRMED
            expect(
                not told(heard, order, other),
                tr(
                    "order {id}, which was {end} already, is not announced otherwise",
                    id=order.json["id"],
                    end=end,
                ),
                got=", ".join(kinds(heard, order)),
                code="end-is-not-final",
                about=[order],
            )
        paid(stub, won)
        expect_mails(stub, [won, declined, behind], "mailed-otherwise")
        eventually(
            lambda: unpaid(stub, undone) and stays(lambda: unpaid(stub, undone), 0.5),
            tr("no money to be kept for order {id}: order.cancelled came before its order.created", id=undone),
            code="charged-the-cancelled",
            got=lambda: some(open_of(stub, undone)),
            about=[undone],
        )


@behaviour("C8")
def check_chaos_comes_out_even(system, http, broker, stub, faults, new):
    attentive(broker)
    with broker.listen() as heard:
        for link, what in (
            ("payments->amqp", "publish payment.*"),
            ("orders->amqp", "publish order.confirmed*"),
            ("payments->amqp", "ack*"),
            ("notifications->amqp", "ack*"),
        ):
            faults.add(f'reset {link} x1 on "{what}"')
        stub["payment"].will(status(503), on="POST /charges", times=1)
        charging = stub["payment"].will(hold(), on="POST /charges")
        mailing = stub["notify"].will(hold(), on="POST /notify")
        amounts = [BEYOND if number % 3 == 2 else AMOUNT for number in range(CROWD)]
        orders = http.at_once([lambda amount=amount: place(http, new, amount) for amount in amounts], limit=6)
        for order in orders:
            expect_placed(order)
        charging.wait()
        system.kill("payments")
        charging.release()
        system.start("payments")
        mailing.wait(within=PATIENCE)
        system.kill("notifications")
        mailing.release()
        system.kill("orders")
        for name in ("notifications", "orders"):
            system.start(name)
        all_end(http, heard, orders)
        for order, amount in zip(orders, amounts, strict=True):
            wanted = ("confirmed", "") if amount == AMOUNT else ("cancelled", "payment_declined")
            shows(http, order, *wanted, code="ended-otherwise")
        eventually(
            lambda: not unmailed(stub, orders),
            trn("a mail for {count} order", "a mail for each of {count} orders", len(orders)),
            CHAOS,
            code="mail-lost",
            got=lambda: tr(
                "{count} have none: {names}", count=len(unmailed(stub, orders)), names=names(unmailed(stub, orders))
            ),
            about=orders[:1],
        )
        settle(http, broker, stub, new)
        expect_money(http, stub, orders)
        expect_mails(stub, orders, "mailed-twice")
        expect_one_thread(heard, stub, orders)


@behaviour("C9")
def check_cancelled_while_the_payment_is_in_flight(http, broker, stub, rng, new):
    attentive(broker)
    with broker.listen() as heard:
        bought = placed(http, new)
        ended(http, bought, "confirmed")
        charging = stub["payment"].will(hold(), on="POST /charges")
        order = placed(http, new)
        charging.wait()
        cancelled(http, order)
        within(1.0, lambda: told(heard, order, CANCELLED))
        charging.release()
        ended(http, order, "cancelled", "cancelled_by_customer")
        for one, code in ((order, "already_cancelled"), (bought, "already_confirmed")):
            again = http.post(f"/orders/{one.json['id']}/cancel")
            expect(
                again.status == 409 and again.code == code,
                tr("an order that has ended cannot be cancelled: 409 {code}", code=code),
                got=again,
                code="cancelled-after-the-end",
                about=[one, again],
            )

        def changes_mind() -> tuple[Answer, Answer]:
            made = placed(http, new)
            time.sleep(rng.uniform(0.0, 0.3))
            return made, http.post(f"/orders/{made.json['id']}/cancel")

        races = http.at_once([changes_mind] * 6)
        for made, answer in races:
            expect(
                answer.status == 200 or (answer.status == 409 and answer.code == "already_confirmed"),
                tr(
                    "POST {path} of an order that may have ended: 200, or 409 already_confirmed",
                    path=answer.path,
                ),
                got=answer,
                code="cancel-answered-otherwise",
                about=[made, answer],
            )
        decided = [(order, True), (bought, False), *((made, answer.status == 200) for made, answer in races)]
        for one, undone in decided:
            wanted = ("cancelled", "cancelled_by_customer") if undone else ("confirmed", "")
            ended(http, one, *wanted)
            mailed(stub, one, wanted[0])
        settle(http, broker, stub, new)
        for one, undone in decided:
            shows(http, one, *(("cancelled", "cancelled_by_customer") if undone else ("confirmed", "")))
        expect_money(http, stub, [one for one, _ in decided])
        expect_mails(stub, [one for one, _ in decided], "mailed-otherwise")


def expect_not_endless(wire: Any, strange: str, stranger: str) -> None:
    def times() -> int:
        return sum(flow.message == strange for flow in wire.deliveries("orders->amqp", QUEUES["orders"]))

    so_far = times()
    if not stays(lambda: times() == so_far, 0.7):  # it comes again: at which pace, a busy machine shows only in time
        within(5.0, lambda: times() > ENDLESS)
    expect(
        times() <= ENDLESS,
        tr("an event about an order that orders does not know is not requeued again and again"),
        got=tr("it was delivered {times} times", times=times()),
        code="requeued-endlessly",
        about=[stranger],
    )


def expect_alive(system: Any, pids: dict[str, int | None], strange: str) -> None:
    dead = [name for name, pid in pids.items() if system.pid(name) != pid]
    expect(
        not dead,
        tr("every service keeps running, whatever it hears"),
        got=tr("ended: {names}", names=", ".join(dead)),
        code="died",
        about=[strange],
    )


# -- orders


def place(http: Http, new: Any, amount: int = AMOUNT) -> Answer:
    return http.post("/orders", json={"ref": new.id("ref"), "amount": amount})


def placed(http: Http, new: Any, amount: int = AMOUNT) -> Answer:
    answer = place(http, new, amount)
    expect_placed(answer)
    return answer


def expect_placed(answer: Answer) -> None:
    expect(
        answer.status == 201 and field(answer.json, "id") is not None and field(answer.json, "status") == "pending",
        tr("POST /orders: 201 with an id and the status pending"),
        got=f"{answer}: {answer.text[:200]}",
        code="order-refused",
        about=[answer],
    )


def cancelled(http: Http, order: Answer) -> Answer:
    answer = http.post(f"/orders/{order.json['id']}/cancel")
    expect(
        answer.status == 200 and field(answer.json, "status") == "cancelled",
        tr("order {id} is pending and can be cancelled: 200 with the status cancelled", id=order.json["id"]),
        got=f"{answer}: {answer.text[:200]}",
        code="not-cancelled",
        about=[order, answer],
    )
    return answer


def show(http: Http, order: Answer) -> Answer:
    return http.get(f"/orders/{order.json['id']}")


def state(answer: Answer) -> Any:
    return field(answer.json, "status")


def text(answer: Answer) -> str:
    return f"{answer}: {answer.text[:200]}"


def is_so(answer: Answer, wanted: str, reason: str) -> bool:
    return answer.status == 200 and state(answer) == wanted and (field(answer.json, "reason") or "") == reason


def so(wanted: str, reason: str) -> str:
    return f"{wanted} ({reason})" if reason else wanted


def ended(http: Http, order: Answer, wanted: str, reason: str | None = None, *, when: str = "") -> None:
    """The order comes to this end."""
    if reason is None:
        reason = "payment_declined" if wanted == "cancelled" else ""
    ident = order.json["id"]
    eventually(
        lambda: is_so(show(http, order), wanted, reason),
        tr("order {id} to be {state} {when}", id=ident, state=so(wanted, reason), when=when)
        if when
        else tr("order {id} to be {state}", id=ident, state=so(wanted, reason)),
        PATIENCE,
        code=lambda: "never-ended" if state(show(http, order)) == "pending" else "ended-otherwise",
        got=lambda: text(show(http, order)),
        about=[order],
    )


def shows(http: Http, order: Answer, wanted: str, reason: str = "", code: str = "ended-otherwise") -> None:
    answer = show(http, order)
    expect(
        is_so(answer, wanted, reason),
        tr("order {id} is {state}, and stays so", id=order.json["id"], state=so(wanted, reason)),
        got=text(answer),
        code=code,
        about=[order, answer],
    )


def all_end(http: Http, heard: Any, orders: list[Answer]) -> None:
    left = list(orders)

    def none_left() -> bool:
        left[:] = [order for order in left if state(show(http, order)) not in TEMPLATES]
        return not left

    def instead() -> str:
        shown = [f"{order.json['id']}: {', '.join(kinds(heard, order)) or tr('no event')}" for order in left[:3]]
        return tr("{count} are still pending. What was told of them: {shown}", count=len(left), shown="; ".join(shown))

    def whose() -> str:
        heard_of = set(kinds(heard, left[0])) if left else set()
        return "decision-untold" if CREATED in heard_of and not heard_of & {APPROVED, DECLINED} else "never-ended"

    eventually(
        none_left,
        trn("{count} order to end", "{count} orders to end", len(orders)),
        CHAOS,
        code=whose,
        got=instead,
        about=(order for order in left[:1]),
    )


def names(orders: list[Answer]) -> str:
    """The ids of the first three, and how many more there are."""
    more = tr(" and {count} more", count=len(orders) - 3) if len(orders) > 3 else ""
    return ", ".join(str(order.json["id"]) for order in orders[:3]) + more


# -- money and mails


def about(seen: Any) -> Any:
    return field(seen.json, "order_id")


def asked(stub: Any, name: str, order: Answer) -> list[Any]:
    """The requests to the neighbour about the order."""
    return [seen for seen in stub[name].seen if about(seen) == order.json["id"]]


def charges(stub: Any, order: Answer) -> list[Any]:
    return [charge for charge in stub["payment"].charges if charge["order_id"] == order.json["id"]]


def open_of(stub: Any, ident: str) -> list[Any]:
    """What was charged for the order and not given back."""
    found = stub["payment"].charges
    return [charge for charge in found if charge["order_id"] == ident and charge["status"] == "approved"]


def open_charges(stub: Any, order: Answer) -> list[Any]:
    return open_of(stub, order.json["id"])


def unpaid(stub: Any, ident: str) -> bool:
    return not open_of(stub, ident)


def paid(stub: Any, order: Answer) -> None:
    made = charges(stub, order)
    expect(
        len(made) == 1 and len(open_charges(stub, order)) == 1,
        tr("order {id} is confirmed and charged once, {amount} UZS", id=order.json["id"], amount=order.sent["amount"]),
        got=tr("{count} charges: {some}", count=len(made), some=some(made)),
        code="charged-twice" if len(made) > 1 else "not-charged",
        about=[order],
    )
    expect(
        made[0]["amount"] == order.sent["amount"],
        tr("order {id} is charged {amount} UZS", id=order.json["id"], amount=order.sent["amount"]),
        got=some(made),
        code="charged-otherwise",
        about=[order],
    )


def expect_money(http: Http, stub: Any, orders: list[Answer]) -> None:
    """Confirmed is charged once, cancelled is not charged: the books agree with the orders, sooner or later."""

    def uneven() -> list[Answer]:
        return [
            order for order in orders if len(open_charges(stub, order)) != (state(show(http, order)) == "confirmed")
        ]

    def instead() -> str:
        order = uneven()[0]
        return tr(
            "order {id} is {state}, and its open charges are: {charges}",
            id=order.json["id"],
            state=state(show(http, order)),
            charges=some(open_charges(stub, order)) or tr("none"),
        )

    def whose() -> str:
        order = uneven()[0]
        if state(show(http, order)) == "confirmed":
            return "charged-twice" if open_charges(stub, order) else "confirmed-not-charged"
        return "cancelled-and-charged"

    eventually(
        lambda: not uneven(),
        tr("one charge for each confirmed order, and none for a cancelled one"),
        code=whose,
        got=instead,
        about=(order for order in uneven()[:1]),
    )


def expect_keys(stub: Any, orders: Iterable[Answer]) -> None:
    """Both neighbours are asked under the order's own key."""
    for order in orders:
        for name, line in (("payment", "POST /charges"), ("notify", "POST /notify")):
            keys = {seen.key for seen in asked(stub, name, order) if seen.line == line}
            expect(
                keys == {order.json["id"]},
                tr("every {line} for order {id} has the Idempotency-Key {id}", line=line, id=order.json["id"]),
                got=", ".join(sorted(key or tr("no key") for key in keys)),
                code="asked-under-other-keys",
                about=[order],
            )


def mails(stub: Any, order: Answer) -> list[str]:
    """The templates of the mails that were sent for the order."""
    return [str(mail.get("template")) for mail in stub["notify"].sent if mail.get("order_id") == order.json["id"]]


def mailed(stub: Any, order: Answer, state: str, *, when: str = "") -> None:
    ident, template = order.json["id"], TEMPLATES[state]
    eventually(
        lambda: template in mails(stub, order),
        tr("the mail {template} for order {id} {when}", template=template, id=ident, when=when)
        if when
        else tr("the mail {template} for order {id}", template=template, id=ident),
        PATIENCE,
        code=lambda: "mailed-otherwise" if mails(stub, order) else "not-mailed",
        got=lambda: ", ".join(mails(stub, order)),
        about=[order],
    )


def unmailed(stub: Any, orders: list[Answer]) -> list[Answer]:
    return [order for order in orders if not mails(stub, order)]


def expect_mails(stub: Any, orders: list[Answer], code: str) -> None:
    for order in orders:
        sent = mails(stub, order)
        expect(
            len(sent) == 1,
            tr("one mail for order {id}", id=order.json["id"]),
            got=tr("{count}: {sent}", count=len(sent), sent=", ".join(sent)),
            code=code,
            about=[order],
        )


def some(items: list[Any]) -> str:
    """The first two, and how many more there are."""
    more = tr(" and {count} more", count=len(items) - 2) if len(items) > 2 else ""
    return ", ".join(str(item) for item in items[:2]) + more


# -- events


def attentive(broker: Any) -> None:
    """Every service has its queue, and consumes from it unless it fetches messages one by one."""
    for name, queue in QUEUES.items():
        eventually(
            lambda queue=queue: broker.exists(queue),  # type: ignore[misc]
            tr("{name} to declare its queue {queue}", name=name, queue=queue),
            code="no-queue",
            got=lambda: tr("no such queue"),
        )
    within(2.0, lambda: all(broker.consumers(queue) for queue in QUEUES.values()))


def settle(http: Http, broker: Any, stub: Any, new: Any) -> None:
    """Return when all that was published is dealt with: an order behind it went all the way, and nothing is left."""
    fence = placed(http, new)
    ended(http, fence, "confirmed")
    mailed(stub, fence, "confirmed")
    for queue in QUEUES.values():
        broker.drained(queue, quiet=0.1)


def told(heard: Any, order: Answer, kind: str) -> list[Any]:
    """The messages of this kind about this order, as they came."""
    return [message for message in of_order(heard, order) if field(message.json, "type") == kind]


def of_order(heard: Any, order: Answer) -> list[Any]:
    """What was published about the order through the exchange under one of the agreed types."""
    agreed = (CREATED, APPROVED, DECLINED, CONFIRMED, CANCELLED)
    return [
        message
        for message in heard.messages
        if message.routing_key in agreed and data_of(message).get("order_id") == order.json["id"]
    ]


def kinds(heard: Any, order: Answer) -> list[str]:
    return [message.routing_key for message in of_order(heard, order)]


def data_of(message: Any) -> dict[str, Any]:
    data = field(message.json, "data") if message else None
    return data if isinstance(data, dict) else {}


def field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def expect_one_thread(heard: Any, stub: Any, orders: list[Answer]) -> None:
    """The id of the request that placed the order goes with every event and every call."""
    for order in orders:
        ident, asked_under = order.json["id"], order.request_id
        for message in of_order(heard, order):
            kind, event_id = message.routing_key, field(message.json, "id")
            found = {message.correlation_id, field(message.json, "correlationid") or message.correlation_id}
            expect_thread(kind, ident, asked_under, found, order)
            expect(
                message.persistent and message.message_id and message.message_id == str(event_id),
                tr("{kind} of order {id} is persistent, and its message_id is its id", kind=kind, id=ident),
                got=tr(
                    "persistent: {persistent}; message_id {message_id}, id {event_id}",
                    persistent=message.persistent,
                    message_id=message.message_id,
                    event_id=event_id,
                ),
                code="malformed-event",
                about=[order],
            )
        for name in ("payment", "notify"):
            for seen in asked(stub, name, order):
                expect_thread(seen.line, ident, asked_under, {seen.headers.get("x-request-id", "")}, order)


def expect_thread(what: str, ident: str, wanted: str, found: set[str], order: Answer) -> None:
    expect(
        found == {wanted},
        tr("{what} for order {id} goes under the id of its request, {wanted}", what=what, id=ident, wanted=wanted),
        got=", ".join(sorted(one or tr("no id") for one in found)),
        code="correlation-lost",
        about=[order],
    )
