"""Exercise 3.5: an order and the event that tells of it, both or neither, whatever dies in between."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from lab.grading import Answer, Http, behaviour, eventually, expect, never, tr, trn, within

CREATED = "order.created"
CANCELLED = "order.cancelled"
CONTENT_TYPE = "application/cloudevents+json"

IDLE = 20
"""Publishes a second that an idle relay may make at most."""


@behaviour("C1")
def check_what_happens_is_announced(http, broker, new):
    with broker.listen() as heard:
        order = placed(http, new)
        answer = http.post(f"/orders/{order.json['id']}/cancel")
        expect(
            answer.status == 200 and field(answer.json, "status") == "cancelled",
            tr("order {id} can be cancelled: 200 with the status cancelled", id=order.json["id"]),
            got=answer,
            code="not-cancelled",
            about=[order, answer],
        )
        agreed = {
            CREATED: {"order_id": order.json["id"], "ref": order.sent["ref"], "amount": order.sent["amount"]},
            CANCELLED: {"order_id": order.json["id"]},
        }
        for kind, data in agreed.items():
            announced(heard, [order], kind)
            for message in told(heard, order, kind):
                wrong = malformed(message, data)
                expect(
                    not wrong,
                    tr("the event {kind} of order {id} is as agreed", kind=kind, id=order.json["id"]),
                    got=f"{wrong}: {message.body.decode(errors='replace')}",
                    code="malformed-event",
                    about=[order],
                )
            expect_one_id(heard, order, kind, "id-changes")
        both = ids(heard, order, CREATED) & ids(heard, order, CANCELLED)
        expect(
            not both,
            tr(
                "{created} and {cancelled} of order {id} are two events with an id each",
                created=CREATED,
                cancelled=CANCELLED,
                id=order.json["id"],
            ),
            got=tr(
                "both have the id {both}: for a consumer the second is a duplicate of the first", both=", ".join(both)
            ),
            code="event-id-reused",
            about=[order],
        )


@behaviour("C2")
def check_refused_order_is_not_announced(http, broker, new):
    with broker.listen() as heard:
        first = placed(http, new)
        again = http.post("/orders", json=first.sent)
        expect(
            again.status == 409 and again.code == "duplicate_ref",
            tr("a second order with the ref {ref} is refused with 409 duplicate_ref", ref=first.sent["ref"]),
            got=again,
            code="duplicate-accepted",
            about=[first, again],
        )
        announced(heard, [first, placed(http, new)])  # the second one is a fence

        def ghosts() -> list[str]:
            return [
                message.body.decode(errors="replace")
                for message in heard.up_to_now()
                if data_of(message).get("ref") == first.sent["ref"]
                and data_of(message).get("order_id") != first.json["id"]
            ]

        never(
            ghosts,
            tr("an event about the order with ref {ref} that was refused", ref=first.sent["ref"]),
            code="announced-refused",
            about=[again],
        )
        expect_one_id(heard, first, CREATED, "announced-refused")


@behaviour("C3")
def check_orders_taken_without_a_broker_are_announced_later(system, http, broker, faults, new):
    with broker.listen() as heard:
        with faults.on("orders->amqp", "refuse"):
            orders = [placed(http, new, tr("while the broker is unreachable")) for _ in range(5)]
            # Long enough for a relay to have tried, and to have thrown away what it does not keep.
            never(
                lambda: len(heard),
                tr("an event while the broker is unreachable"),
                quiet=1.0,
                code="not-through-the-tap",
            )
            system.kill("orders")
        system.start("orders")
        if within(20.0, lambda: not missing(heard, orders)):
            return
        lost = missing(heard, orders)
        more = placed(http, new)
        asked = within(10.0, lambda: not missing(heard, [*orders, more]))
        expect(
            False,
            tr("5 orders that were accepted while the broker was unreachable are announced once it is back"),
            got=tr("{count} were not within 20 s: {names}", count=len(lost), names=names(lost))
            + "; "
            + (
                tr("after one more request they were: the relay works only when somebody orders")
                if asked
                else tr("after one more request they were not, either")
            ),
            code="announced-on-request-only" if asked else "announcement-lost",
            about=lost[:1],
        )


@behaviour("C4")
def check_two_instances_announce_everything(system, http, broker, faults, new):
    instances = system.scale("orders", 2)
    with broker.listen() as heard:
        orders = http.at_once([lambda name=name: place(http[name], new) for name in instances * 10], limit=8)
        for order in orders:
            expect_placed(order, tr("through one of two instances"))
        announced(heard, orders)
        heard.up_to_now()
        for order in orders:
            expect_one_id(heard, order, CREATED, "announced-under-two-ids")

        with faults.on("orders->amqp", "refuse"):
            orders = [placed(http[name], new, tr("while the broker is unreachable")) for name in instances * 3]
            system.kill(other := instances[1])
        announced(
            heard,
            orders,
            code="orphaned",
            when=tr(", half of them by {other}, which has been killed since", other=other),
        )


@behaviour("C5")
def check_events_of_an_order_keep_their_order(http, broker, faults, new):
    with broker.listen() as heard:
        with faults.on("orders->amqp", "refuse"):
            orders = [placed(http, new, tr("while the broker is unreachable")) for _ in range(15)]
            cancels = [http.post(f"/orders/{order.json['id']}/cancel") for order in orders]
        announced(heard, orders)
        announced(heard, orders, CANCELLED)
        wrong = [order for order in orders if first(heard, order, CANCELLED) < first(heard, order, CREATED)]
        expect(
            not wrong,
            tr("each of {count} orders is announced as created, and after that as cancelled", count=len(orders)),
            got=tr("{count} were cancelled first: {names}", count=len(wrong), names=names(wrong)),
            code="out-of-order",
            about=[one for pair in zip(orders, cancels, strict=True) if pair[0] in wrong[:1] for one in pair],
        )


@behaviour("C6")
def check_outbox_empties_itself(http, broker, wire, new):
    shown = http.get("/admin/outbox")
    expect(
        shown.status == 200 and isinstance(field(shown.json, "pending"), int),
        tr("GET /admin/outbox says how many events are pending"),
        got=shown,
        code="outbox-not-shown",
        about=[shown],
    )
    with broker.listen() as heard:
        orders = http.at_once([lambda: place(http, new)] * 200, limit=16)
        for order in orders:
            expect_placed(order, tr("with 15 others at the same time"))
        eventually(
            lambda: field(http.get("/admin/outbox").json, "pending") == 0,
            tr("the outbox to be empty after 200 orders: GET /admin/outbox with pending 0"),
            code="outbox-not-empty",
            got=lambda: (found := http.get("/admin/outbox")).json or found,
            about=orders[:1],
        )
        announced(heard, orders)
        for order in orders:
            expect_one_id(heard, order, CREATED, "announced-under-two-ids")
        empty = wire.mark()
        never(
            lambda: len(wire.flows("orders->amqp", "publish*", empty)) > IDLE,
            tr("more than {idle} publishes a second with nothing to announce", idle=IDLE),
            quiet=1.0,
            code="chatters-when-idle",
        )


@behaviour("C7")
def check_lost_confirm_is_a_second_event_with_the_same_id(system, http, broker, faults, wire, new):
    with broker.listen() as heard:
        fault = faults.add("lose-confirm orders->amqp")
        order = placed(http, new)
        announced(heard, [order])
        # Who publishes without confirms has none that could be lost, and so nothing to wait for.
        within(3.0, lambda: any(flow.outcome == "lost" for flow in wire.flows("orders->amqp", "confirm*")))
        system.kill("orders")
        faults.heal(fault)
        system.start("orders")
        eventually(
            lambda: len(told(heard, order)) > 1,
            tr(
                "order {id} to be announced again, because the service was killed before a confirm came",
                id=order.json["id"],
            ),
            code="marked-without-confirm",
            got=lambda: tr("one event: it counted as sent before the broker had confirmed it"),
            about=[order],
        )
        expect_one_id(heard, order, CREATED, "new-id-each-time")


# -- the service


def place(http: Http, new: Any) -> Answer:
    return http.post("/orders", json={"ref": new.id("ref"), "amount": 25_000})


def placed(http: Http, new: Any, when: str = "") -> Answer:
    answer = place(http, new)
    expect_placed(answer, when)
    return answer


def expect_placed(answer: Answer, when: str = "") -> None:
    expect(
        answer.status == 201 and field(answer.json, "id") is not None,
        tr("POST /orders {when}: 201 with an id", when=when) if when else tr("POST /orders: 201 with an id"),
        got=answer,
        code="order-refused",
        about=[answer],
    )


# -- events


def announced(
    heard: Any, orders: list[Answer], kind: str = CREATED, *, code: str = "not-announced", when: str = ""
) -> None:
    """All these orders are, sooner or later."""
    eventually(
        lambda: not missing(heard, orders, kind),
        trn("{kind} of {count} order{when}", "{kind} of {count} orders{when}", len(orders), kind=kind, when=when),
        code=code,
        got=lambda: tr(
            "{count} not announced: {names}", count=len(lost := missing(heard, orders, kind)), names=names(lost)
        ),
        about=orders[:1],
    )


def missing(heard: Any, orders: Iterable[Answer], kind: str = CREATED) -> list[Answer]:
    known = [data_of(message).get("order_id") for message in heard.messages if is_kind(message, kind)]
    return [order for order in orders if order.json["id"] not in known]


def told(heard: Any, order: Answer, kind: str = CREATED) -> list[Any]:
    """The messages of this kind about this order, as they came."""
    return [
        message
        for message in heard.messages
        if is_kind(message, kind) and data_of(message).get("order_id") == order.json["id"]
    ]


def first(heard: Any, order: Answer, kind: str) -> float:
    """When the order was told of in this way for the first time."""
    return float(told(heard, order, kind)[0].at)


def ids(heard: Any, order: Answer, kind: str) -> set[str]:
    return {str(message.json.get("id")) for message in told(heard, order, kind)}


def expect_one_id(heard: Any, order: Answer, kind: str, code: str) -> None:
    found = ids(heard, order, kind)
    expect(
        len(found) == 1,
        tr("{kind} of order {id} is one event: however often it comes, it has one id", kind=kind, id=order.json["id"]),
        got=tr("{count} ids: {found}", count=len(found), found=", ".join(sorted(found))),
        code=code,
        about=[order],
    )


def is_kind(message: Any, kind: str) -> bool:
    return bool(message.routing_key == kind and field(message.json, "type") == kind)


def data_of(message: Any) -> dict[str, Any]:
    data = field(message.json, "data")
    return data if isinstance(data, dict) else {}


def field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def malformed(message: Any, data: dict[str, Any]) -> str:
    """What is wrong with the event, in words; "" if it is as agreed."""
    event = message.json
    wrong = {
        tr("specversion is not 1.0"): event.get("specversion") != "1.0",
        tr("it has no id"): not event.get("id"),
        tr("it has no source"): not event.get("source"),
        tr("time is not as in RFC 3339"): not is_time(event.get("time")),
        tr("data is not {data}", data=data): not data.items() <= data_of(message).items(),
        tr("message_id is {message_id!r} and not the event's id", message_id=message.message_id): message.message_id
        != str(event.get("id")),
        tr("it is not persistent (delivery_mode 2)"): not message.persistent,
        tr("content_type is {content_type!r}", content_type=message.content_type): not message.content_type.startswith(
            CONTENT_TYPE
        ),
    }
    return next((words for words, found in wrong.items() if found), "")


def is_time(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def names(orders: list[Answer]) -> str:
    return ", ".join(str(order.json["id"]) for order in orders)
