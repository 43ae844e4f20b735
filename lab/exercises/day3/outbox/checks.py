"""Exercise 3.5: an order and the event that tells of it, both or neither, whatever dies in between."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from lab.grading import Answer, Http, behaviour, eventually, expect, never, stays, tr, trn, warn, within

CREATED = "order.created"
CANCELLED = "order.cancelled"
CONTENT_TYPE = "application/cloudevents+json"

LINK = "orders->amqp"
OUTAGE = 5.0
"""Seconds without a broker that a relay must not give up in."""
QUIET = 2.0
"""Seconds in which a relay with nothing to do must publish nothing."""
ENDLESS = (
    "SELECT (WITH RECURSIVE step(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM step WHERE n < 1000000000) "
    "SELECT count(*) FROM step)"
)
"""SQL that takes minutes: whoever has to wait for it is killed in the middle of its work."""


@behaviour("C1")
def check_what_happens_is_announced(http, broker, new):
    with broker.listen() as heard:
        order = placed(http, new)
        shows(http, order, "pending")
        answer = cancelled(http, order)
        shows(http, order, "cancelled")
        agreed = {
            CREATED: {"order_id": order.json["id"], "ref": order.sent["ref"], "amount": order.sent["amount"]},
            CANCELLED: {"order_id": order.json["id"]},
        }
        for (kind, data), cause in zip(agreed.items(), (order, answer), strict=True):
            announced(heard, [order], kind)
            for message in told(heard, order, kind):
                wrong = malformed(message, data, cause)
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
def check_what_was_refused_is_not_announced(http, broker, new):
    with broker.listen() as heard:
        order = placed(http, new)
        cancelled(http, order)
        nobody = new.id("order")
        refused = [
            (http.post("/orders", json=order.sent), 409, "duplicate_ref"),
            (http.post(f"/orders/{order.json['id']}/cancel"), 409, "already_cancelled"),
            (http.post(f"/orders/{nobody}/cancel"), 404, "unknown_order"),
            (http.get(f"/orders/{nobody}"), 404, "unknown_order"),
        ]
        for answer, status, code in refused:
            expect(
                answer.status == status and answer.code == code,
                tr(
                    "{method} {path} is refused with {status} {code}",
                    method=answer.method,
                    path=answer.path,
                    status=status,
                    code=code,
                ),
                got=answer,
                code="not-refused",
                about=[order, answer],
            )
        fence = placed(http, new)
        announced(heard, [order, fence])
        announced(heard, [order], CANCELLED)

        def ghosts() -> list[str]:
            known = {order.json["id"], fence.json["id"]}
            return [
                message.body.decode(errors="replace")
                for message in heard.up_to_now()
                if data_of(message).get("order_id") not in known
            ]

        never(
            ghosts,
            tr(
                "an event about what was refused: a second order with the ref {ref}, or order {id}",
                ref=order.sent["ref"],
                id=nobody,
            ),
            code="announced-refused",
            about=[answer for answer, _, _ in refused],
        )
        for kind in (CREATED, CANCELLED):
            expect_one_id(heard, order, kind, "announced-refused")


@behaviour("C3")
def check_orders_taken_without_a_broker_are_announced_later(http, broker, faults, new):
    with broker.listen() as heard:
        with faults.on(LINK, "refuse"):
            began = time.monotonic()
            orders = [placed(http, new, tr("while the broker is unreachable")) for _ in range(4)]
            # Long enough for a relay to have tried, to have given up, and to have thrown away what it does not keep.
            never(
                lambda: len(heard),
                tr("an event while the broker is unreachable"),
                quiet=began + OUTAGE - time.monotonic(),
                code="not-through-the-tap",
            )
            orders.append(placed(http, new, tr("while the broker is unreachable")))
        announced_alone(
            http, heard, orders, new, tr("5 orders that were taken while the broker was unreachable for 5 s")
        )


@behaviour("C3")
def check_a_crash_without_a_broker_loses_nothing(system, http, broker, faults, new):
    with broker.listen() as heard:
        with faults.on(LINK, "blackhole"):
            orders = [placed(http, new, tr("while the broker does not answer")) for _ in range(5)]
            system.kill("orders")
        system.start("orders")
        announced_alone(
            http, heard, orders, new, tr("5 orders of a service that was killed while the broker did not answer")
        )


def announced_alone(http: Http, heard: Any, orders: list[Answer], new: Any, what: str) -> None:
    """Without any further request; a later one only tells what is wrong, and lets the story go on until then."""
    if within(20.0, lambda: not missing(heard, orders)):
        return
    lost = missing(heard, orders)
    more = place(http, new)
    asked = within(10.0, lambda: not missing(heard, orders))
    expect(
        False,
        tr("{what} are announced once it is back", what=what),
        got=tr("{count} were not within 20 s: {names}", count=len(lost), names=names(lost))
        + "; "
        + (
            tr("after one more request they were: the relay works only when somebody orders")
            if asked
            else tr("after one more request they were not, either")
        ),
        code="announced-on-request-only" if asked else "announcement-lost",
        about=[lost[0], more],
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

        for dying in instances:  # each in its turn: whoever relays just now is one of the two
            with faults.on(LINK, "refuse"):
                orders = [placed(http[name], new, tr("while the broker is unreachable")) for name in instances * 3]
                system.kill(dying)
            announced(
                heard,
                orders,
                code="orphaned",
                when=tr(", half of them by {other}, which has been killed since", other=dying),
            )
            if dying != instances[-1]:
                system.start(dying)


@behaviour("C5")
def check_events_of_an_order_keep_their_order(system, http, broker, faults, new):
    one, other = system.scale("orders", 2)
    with broker.listen() as heard:
        with faults.on(LINK, "refuse"):
            orders, cancels = [], []
            for _ in range(15):
                orders.append(placed(http[one], new, tr("while the broker is unreachable")))
                cancels.append(cancelled(http[other], orders[-1]))
            faults.add(f'reset {LINK} x2 on "publish {CREATED}*"')  # the first ones do not get through at once
        announced(heard, orders)
        announced(heard, orders, CANCELLED)
        wrong = [order for order in orders if first(heard, order, CANCELLED).at < first(heard, order, CREATED).at]
        expect(
            not wrong,
            tr("each of {count} orders is announced as created, and after that as cancelled", count=len(orders)),
            got=tr("{count} were cancelled first: {names}", count=len(wrong), names=names(wrong)),
            code="out-of-order",
            about=[
                part
                for order, cancel in zip(orders, cancels, strict=True)
                if order in wrong[:1]
                for part in (order, *(first(heard, order, kind).message_id for kind in (CANCELLED, CREATED)), cancel)
            ],
        )


@behaviour("C6")
def check_outbox_empties_itself(http, broker, faults, wire, new):
    with broker.listen() as heard:
        with faults.on(LINK, "refuse"):
            waiting = [placed(http, new, tr("while the broker is unreachable")) for _ in range(3)]
            shown = http.get("/admin/outbox")
            expect(
                shown.status == 200 and pending(shown) == len(waiting),
                tr('3 events wait for the broker: GET /admin/outbox answers 200 {"pending": 3}'),
                got=f"{shown}: {shown.text[:200]}",
                code="outbox-not-shown",
                about=[shown],
            )
        orders = http.at_once([lambda: place(http, new)] * 200, limit=16)
        for order in orders:
            expect_placed(order, tr("with 15 others at the same time"))
        eventually(
            lambda: pending(http.get("/admin/outbox")) == 0,
            tr("the outbox to be empty after 200 orders: GET /admin/outbox with pending 0"),
            code="outbox-not-empty",
            got=lambda: (found := http.get("/admin/outbox")).json or found,
            about=orders[:1],
        )
        announced(heard, waiting + orders)
        for order in orders:
            expect_one_id(heard, order, CREATED, "announced-under-two-ids")
        empty = wire.mark()
        # Another relay of the same service may be about to send what this one has sent: once, not again and again.
        within(1.0, lambda: len(wire.flows(LINK, "publish*", empty)) > 0)
        empty = wire.mark()
        never(
            lambda: [f"{flow.op} {flow.message}" for flow in wire.flows(LINK, "publish*", empty)],
            tr("a publish with nothing to announce, within {quiet:g} s", quiet=QUIET),
            quiet=QUIET,
            code="chatters-when-idle",
        )


@behaviour("C7")
def check_lost_confirm_is_a_second_event_with_the_same_id(system, http, broker, faults, wire, new):
    with broker.listen() as heard:
        faults.add(f"lose-confirm {LINK}")
        order = placed(http, new)
        announced(heard, [order])
        announced_again(heard, order, wire, tr("its confirm is lost"))
        later = placed(http, new)
        announced(heard, [later], code="waits-for-ever", when=tr(", placed after a confirm was lost"))

        fault = faults.add(f"lose-confirm {LINK}")
        order = placed(http, new)
        announced(heard, [order])
        within(2.0, lambda: len(lost_confirms(wire)) > 1)
        system.kill("orders")
        faults.heal(fault)
        system.start("orders")
        announced_again(heard, order, wire, tr("the service was killed before its confirm came"))


def announced_again(heard: Any, order: Answer, wire: Any, why: str) -> None:
    def alone() -> str:
        confirms = wire.flows(LINK, "confirm*")
        if not confirms:
            return tr("one event, and no confirm on the wire at all: the channel does not ask for confirms")
        return tr(
            "one event; {lost} of {count} confirms on the wire were lost",
            count=len(confirms),
            lost=len(lost_confirms(wire)),
        )

    eventually(
        lambda: len(told(heard, order)) > 1,
        tr("order {id} to be announced again, because {why}", id=order.json["id"], why=why),
        code="marked-without-confirm",
        got=alone,
        about=[order],
    )
    expect_one_id(heard, order, CREATED, "new-id-each-time")


def lost_confirms(wire: Any) -> list[Any]:
    return [flow for flow in wire.flows(LINK, "confirm*") if flow.outcome == "lost"]


@behaviour("C8")
def check_a_crash_in_the_middle_leaves_both_or_neither(system, http, broker, faults, new):
    with broker.listen() as heard:
        order, file = placed(http, new), system.database("orders")
        try:
            with faults.on(LINK, "refuse"):
                before = sizes(file)
                orders = [order, placed(http, new)]
                grown = [table for table, size in sizes(file).items() if size > before.get(table, 0)]
        except sqlite3.Error as error:
            warn(
                tr(
                    "Whether one transaction writes both could not be seen in SQLite at DATABASE_URL: {error}",
                    error=error,
                )
            )
            return
        announced(heard, orders)
        for table in grown:
            new_or_not_at_all(system, http, heard, file, table, new)
            cancelled_or_not_at_all(system, http, heard, file, table, new)


def new_or_not_at_all(system: Any, http: Http, heard: Any, file: Path, table: str, new: Any) -> None:
    killed = interrupted(system, file, table, lambda: place(http, new))
    ref = killed.sent["ref"]
    again = http.post("/orders", json=killed.sent)
    if again.status == 409:
        expect_announced(lambda: of_ref(heard, ref), tr("the order with the ref {ref}", ref=ref), table, killed, again)
        return
    expect_placed(again, tr("for the order in the middle of which the service was killed"))
    expect(
        killed.status != 201,
        tr("an order that was answered with 201 is saved"),
        got=tr("after a SIGKILL there is none with the ref {ref}", ref=ref),
        code="answered-not-saved",
        about=[killed, again],
    )
    announced(heard, [again])
    ghosts = of_ref(heard, ref) - {again.json["id"]}
    expect_no_ghost(not ghosts, tr("the order with the ref {ref}", ref=ref), table, killed, again)


def cancelled_or_not_at_all(system: Any, http: Http, heard: Any, file: Path, table: str, new: Any) -> None:
    order = placed(http, new)
    announced(heard, [order])
    killed = interrupted(system, file, table, lambda: http.post(f"/orders/{order.json['id']}/cancel"))
    what = tr("the cancellation of order {id}", id=order.json["id"])
    shown = http.get(f"/orders/{order.json['id']}")
    if field(shown.json, "status") == "cancelled":
        expect_announced(lambda: told(heard, order, CANCELLED), what, table, killed, shown)
        return
    again = cancelled(http, order)
    announced(heard, [order], CANCELLED)
    expect_no_ghost(len(ids(heard, order, CANCELLED)) == 1, what, table, killed, again)


def interrupted(system: Any, file: Path, table: str, request: Callable[[], Answer]) -> Answer:
    """Make the request, and kill the service while its database writes to the table, which is made to take for ever.
    It runs again afterwards."""
    verbs = ("INSERT", "UPDATE")
    for verb in verbs:
        execute(file, f'CREATE TRIGGER "slow_{verb}" BEFORE {verb} ON "{table}" BEGIN {ENDLESS}; END')
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(request)
        within(5.0, lambda: asked.done() or stays(lambda: locked(file), 0.2))
        system.kill("orders")
        answer = asked.result()
    for verb in verbs:
        execute(file, f'DROP TRIGGER "slow_{verb}"')
    system.start("orders")
    return answer


def expect_announced(heard: Callable[[], object], what: str, table: str, *about: Answer) -> None:
    eventually(
        heard,
        tr("{what} was saved before the service was killed, so it is announced", what=what),
        code="saved-not-announced",
        got=lambda: tr("no event: what is written into {table} is a transaction of its own", table=table),
        about=about,
    )


def expect_no_ghost(ok: bool, what: str, table: str, *about: Answer) -> None:
    expect(
        ok,
        tr("{what} was not saved before the service was killed, so it is not announced", what=what),
        got=tr("an event: what is written into {table} is a transaction of its own", table=table),
        code="announced-not-saved",
        about=about,
    )


# -- the database


def execute(file: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{file}?mode=rw", uri=True, timeout=5.0, isolation_level=None)) as database:
        return database.execute(statement).fetchall()


def sizes(file: Path) -> dict[str, int]:
    """How many rows each table has. Raises sqlite3.Error."""
    tables = execute(
        file, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    return {table: execute(file, f'SELECT count(*) FROM "{table}"')[0][0] for (table,) in tables}


def locked(file: Path) -> bool:
    """Whether somebody is writing."""
    with closing(sqlite3.connect(file, timeout=0.0, isolation_level=None)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        database.execute("ROLLBACK")
        return False


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


def cancelled(http: Http, order: Answer) -> Answer:
    answer = http.post(f"/orders/{order.json['id']}/cancel")
    expect(
        answer.status == 200 and field(answer.json, "status") == "cancelled",
        tr("order {id} can be cancelled: 200 with the status cancelled", id=order.json["id"]),
        got=answer,
        code="not-cancelled",
        about=[order, answer],
    )
    return answer


def shows(http: Http, order: Answer, status: str) -> None:
    agreed = {"id": order.json["id"], "ref": order.sent["ref"], "amount": order.sent["amount"], "status": status}
    answers = [http.get(f"/orders/{order.json['id']}")]
    if status == "pending":
        answers.append(order)
    for answer in answers:
        expect(
            answer.status in (200, 201) and isinstance(answer.json, dict) and agreed.items() <= answer.json.items(),
            tr("{method} {path} shows {agreed}", method=answer.method, path=answer.path, agreed=agreed),
            got=f"{answer}: {answer.text[:200]}",
            code="order-not-shown",
            about=[order, answer],
        )


def pending(answer: Answer) -> Any:
    """How many events wait, as GET /admin/outbox says it."""
    return field(answer.json, "pending")


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


def of_ref(heard: Any, ref: str) -> set[Any]:
    """The ids of the orders that were announced as created with this ref."""
    found = [data_of(message) for message in heard.messages if is_kind(message, CREATED)]
    return {data.get("order_id") for data in found if data.get("ref") == ref}


def first(heard: Any, order: Answer, kind: str) -> Any:
    """The message that told of the order in this way first."""
    return told(heard, order, kind)[0]


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


def malformed(message: Any, data: dict[str, Any], cause: Answer) -> str:
    """What is wrong with the event that this request caused, in words; "" if it is as agreed."""
    event = message.json
    wrong = {
        tr("specversion is not 1.0"): event.get("specversion") != "1.0",
        tr("it has no id"): not event.get("id"),
        tr("it has no source"): not event.get("source"),
        tr("time is not as in RFC 3339"): not is_time(event.get("time")),
        tr("data is not {data}", data=data): not data.items() <= data_of(message).items(),
        tr("message_id is {message_id!r} and not the event's id", message_id=message.message_id): message.message_id
        != str(event.get("id")),
        tr(
            "correlation_id is {correlation!r} and not the request's X-Request-ID {request_id}",
            correlation=message.correlation_id,
            request_id=cause.request_id,
        ): message.correlation_id != cause.request_id
        or event.get("correlationid", cause.request_id) != cause.request_id,
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
