"""Exercise 3.5: an order and the event that tells of it, both or neither, whatever dies in between."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from lab.grading import Answer, Http, behaviour, eventually, expect, measured, never, stays, tr, trn, warn, within

CREATED = "order.created"
CANCELLED = "order.cancelled"
CONTENT_TYPE = "application/cloudevents+json"

LINK = "orders->amqp"
OUTAGE = 5.0
"""Seconds without a broker that a relay must not give up in."""
CROWD = 6
"""Clients who want the same at the same moment."""
QUIET = 1.5
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
        within(5.0, lambda: told(heard, order))
        if told(heard, order):
            measured("delay", 1000 * max(0.0, first(heard, order, CREATED).at - order.began - order.seconds))
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
                code, wrong = malformed(message, data, cause)
                expect(
                    not wrong,
                    tr("the event {kind} of order {id} is as agreed", kind=kind, id=order.json["id"]),
                    got=f"{wrong}: {message.body.decode(errors='replace')}",
                    code=code,
                    about=[message.message_id, cause],
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
def check_what_was_refused_is_not_announced(system, http, broker, new):
    with broker.listen() as heard:
        order = placed(http, new)
        cancelled(http, order)
        nobody = new.id("order")
        refused = refusals(http, order, nobody)
        system.kill("orders")
        system.start("orders")
        refused += refusals(http, order, nobody)
        for answer, status, code, done in refused:
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
                code=done if answer.outcome == "ok" else "refused-otherwise",
                about=[order, answer],
            )
        wanted, contested = placed(http, new), {"ref": new.id("ref"), "amount": 25_000}
        # While nobody can write, all of them can look: who looks first and writes later is told.
        with ThreadPoolExecutor(2 * CROWD) as crowd, system.writing("orders"):
            orders = [crowd.submit(http.post, "/orders", json=contested) for _ in range(CROWD)]
            cancels = [crowd.submit(http.post, f"/orders/{wanted.json['id']}/cancel") for _ in range(CROWD)]
            within(0.4, lambda: all(asked.done() for asked in [*orders, *cancels]))
        won = only_one([asked.result() for asked in orders], 201, "duplicate_ref", "ref-taken-at-once")
        only_one([asked.result() for asked in cancels], 200, "already_cancelled", "cancelled-at-once")
        fence = placed(http, new)
        announced(heard, [order, wanted, won, fence])
        announced(heard, [order, wanted], CANCELLED)

        def ghosts() -> list[str]:
            known = {one.json["id"] for one in (order, wanted, won, fence)}
            found = [
                message.body.decode(errors="replace")
                for message in heard.up_to_now()
                if data_of(message).get("order_id") not in known
            ]
            return found[:2]

        never(
            ghosts,
            tr(
                "an event about what was refused: a second order with the ref {ref}, or order {id}",
                ref=order.sent["ref"],
                id=nobody,
            ),
            code="announced-refused",
            about=[answer for answer, *_ in refused],
        )
        for one in (order, wanted, won):
            expect_one_id(heard, one, CREATED, "announced-refused")
        for one in (order, wanted):
            expect_one_id(heard, one, CANCELLED, "cancellation-announced-again")


def refusals(http: Http, order: Answer, nobody: str) -> list[tuple[Answer, int, str, str]]:
    """What is asked of a cancelled order once more, and of nobody's: each with how it is to be refused, and the code
    where it is not."""
    return [
        (http.post("/orders", json=order.sent), 409, "duplicate_ref", "ref-taken-twice"),
        (http.post(f"/orders/{order.json['id']}/cancel"), 409, "already_cancelled", "cancelled-twice"),
        (http.post(f"/orders/{nobody}/cancel"), 404, "unknown_order", "unknown-cancelled"),
        (http.get(f"/orders/{nobody}"), 404, "unknown_order", "unknown-shown"),
    ]


def only_one(answers: list[Answer], status: int, refusal: str, code: str) -> Answer:
    """Of those who asked the same at the same moment one gets it: the answer to that one."""
    done = [answer for answer in answers if answer.status == status]
    refused = [answer for answer in answers if answer.status == 409 and answer.code == refusal]
    tally = Counter(f"{answer.status or answer.error} {answer.code}".strip() for answer in answers)
    expect(
        len(done) == 1 and len(done) + len(refused) == len(answers),
        tr(
            "{count} × POST {path} with the same content at the same moment: once {status}, otherwise 409 {code}",
            count=len(answers),
            path=answers[0].path,
            status=status,
            code=refusal,
        ),
        got=", ".join(f"{count} × {what}" for what, count in tally.items()),
        code=code if len(done) > 1 else "refused-otherwise",
        about=done[:2] or answers[:1],
    )
    return done[0]


@behaviour("C3")
def check_orders_taken_without_a_broker_are_announced_later(system, http, broker, faults, new):
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
    shown = http.get("/admin/outbox")
    more = place(http, new)
    asked = within(10.0, lambda: not missing(heard, orders))
    waiting = pending(shown)
    seen = [
        tr("{count} were not within 20 s: {names}", count=len(lost), names=names(lost)),
        tr("GET /admin/outbox then: {text}", text=shown.text[:80] or shown),
        tr("after one more request they were: the relay works only when somebody orders")
        if asked
        else tr("after one more request they were not, either"),
    ]
    expect(
        False,
        tr("{what} are announced once it is back", what=what),
        got="; ".join(seen),
        code="announced-on-request-only"
        if asked
        else "left-in-the-outbox"
        if isinstance(waiting, int) and waiting >= len(lost)
        else "not-in-the-outbox",
        about=[lost[0], shown, more],
    )


@behaviour("C4")
def check_two_instances_announce_everything(system, http, broker, faults, wire, new):
    instances = system.scale("orders", 2)
    with broker.listen() as heard:
        orders = http.at_once([lambda name=name: place(http[name], new) for name in instances * 10], limit=8)
        for order in orders:
            expect_placed(order, tr("through one of two instances"))
        announced(heard, orders)
        heard.up_to_now()
        for order in orders:
            expect_one_id(heard, order, CREATED, "announced-under-two-ids")

        with faults.on(LINK, "refuse"):
            orders = placed_through(http, instances, new)
            since = wire.mark()
            faults.add(f"lose-confirm {LINK}")  # whoever announces waits for it, with the others in hand
        eventually(
            lambda: wire.flows(LINK, "publish*", since),
            tr("one of the two instances to announce orders once the broker is back"),
            code="not-announced",
            got=lambda: tr("no publish on the wire"),
            about=orders[:1],
        )
        busy = wire.flows(LINK, "publish*", since)[0].source
        idle = next(name for name in instances if name != busy)
        with faults.on(LINK, "refuse"):
            orders += placed_through(http, instances, new)
            system.kill(busy)
        the_other_announces(http[idle], heard, orders, busy, new)
        for order in orders:
            expect_one_id(heard, order, CREATED, "announced-under-two-ids")


def placed_through(http: Http, instances: list[str], new: Any) -> list[Answer]:
    return [placed(http[name], new, tr("while the broker is unreachable")) for name in instances * 3]


def the_other_announces(http: Http, heard: Any, orders: list[Answer], dead: str, new: Any) -> None:
    """Whatever both instances took before one of them died, and what is ordered since."""
    later = placed(http, new, tr("after {dead} was killed", dead=dead))

    def lost() -> list[Answer]:
        return missing(heard, orders)

    def shown() -> Iterator[Answer]:
        yield from lost()[:1]
        yield later

    def instead() -> str:
        known = tr("{count} of them not announced: {names}", count=len(lost()), names=names(lost()))
        if missing(heard, [later]):
            return known + "; " + tr("an order taken after that is not announced, either")
        return known + "; " + tr("order {id}, taken after that, is announced", id=later.json["id"])

    eventually(
        lambda: not missing(heard, [*orders, later]),
        tr(
            "{kind} of {count} orders, although {dead}, which had begun to announce them, was killed",
            kind=CREATED,
            count=len(orders),
            dead=dead,
        ),
        code=lambda: "nobody-relays" if missing(heard, [later]) else "orphaned",
        got=instead,
        about=shown(),
    )


@behaviour("C5")
def check_events_of_an_order_keep_their_order(system, http, broker, faults, wire, new):
    one, other = system.scale("orders", 2)
    with broker.listen() as heard:
        with faults.on(LINK, "refuse"):
            orders, cancels = [], []
            for _ in range(15):
                orders.append(placed(http[one], new, tr("while the broker is unreachable")))
                cancels.append(cancelled(http[other], orders[-1]))
            faults.add(f'reset {LINK} x2 on "publish {CREATED}*"')  # the first ones do not get through at once
        for kind in (CREATED, CANCELLED):
            announced(heard, orders, kind, wire=wire)
        wrong = [order for order in orders if first(heard, order, CANCELLED).at < first(heard, order, CREATED).at]
        overtaken = [order for order in wrong if sent_first(wire, heard, order) == CREATED]
        expect(
            not wrong,
            tr("each of {count} orders is announced as created, and after that as cancelled", count=len(orders)),
            got=tr("{count} were cancelled first: {names}", count=len(wrong), names=names(wrong))
            + ("; " + tr("their order.created had been sent before, and did not get through") if overtaken else ""),
            code="overtaken" if overtaken else "out-of-order",
            about=[
                part
                for order, cancel in zip(orders, cancels, strict=True)
                if order in wrong[:1]
                for part in (order, *(first(heard, order, kind).message_id for kind in (CANCELLED, CREATED)), cancel)
            ],
        )


def sent_first(wire: Any, heard: Any, order: Answer) -> str:
    """Which of the order's two events was sent first, whether it got through or not."""
    kinds = {first(heard, order, kind).message_id: kind for kind in (CREATED, CANCELLED)}
    return next((kinds[flow.message] for flow in wire.flows(LINK, "publish*") if flow.message in kinds), "")


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
                code="outbox-not-shown" if pending(shown) is None else "outbox-miscounts",
                about=[*waiting, shown],
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
        within(0.5, lambda: len(wire.flows(LINK, "publish*", empty)) > 0)
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
        faults.add(f"lose-confirm {LINK} x2")  # one before the service is killed, one while it lives on
        order = placed(http, new)
        announced(heard, [order])
        within(2.0, lambda: lost_confirms(wire))
        system.kill("orders")
        system.start("orders")
        announced_again(
            heard, order, 2, wire, tr("the service was killed before its confirm came"), "marked-without-confirm"
        )
        announced_again(heard, order, 3, wire, tr("its confirm is lost once more"), "waits-for-ever")
        later = placed(http, new)
        announced(heard, [later], when=tr(", placed after a confirm was lost"))


def announced_again(heard: Any, order: Answer, times: int, wire: Any, why: str, code: str) -> None:
    def so_far() -> str:
        count = len(told(heard, order))
        confirms = wire.flows(LINK, "confirm*")
        if not confirms:
            return tr(
                "announced {count} times, and no confirm on the wire at all: the channel does not ask for confirms",
                count=count,
            )
        return tr(
            "announced {count} times; {lost} of {all} confirms on the wire were lost",
            count=count,
            lost=len(lost_confirms(wire)),
            all=len(confirms),
        )

    eventually(
        lambda: len(told(heard, order)) >= times,
        tr("order {id} to be announced again, because {why}", id=order.json["id"], why=why),
        code=code,
        got=so_far,
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
            files = [file, *others(file)]
            with faults.on(LINK, "refuse"):
                before = {file: sizes(file) for file in files}
                orders = [order, placed(http, new)]
                grown = [
                    (file, table)
                    for file in files
                    for table, size in sizes(file).items()
                    if size > before[file].get(table, 0)
                ]
        except (sqlite3.Error, OSError) as error:
            warn(
                tr(
                    "Whether one transaction writes both could not be seen in SQLite at DATABASE_URL: {error}",
                    error=error,
                )
            )
            return
        announced(heard, orders)
        for file, table in grown:
            new_or_not_at_all(system, http, heard, file, table, new)
            cancelled_or_not_at_all(system, http, heard, file, table, new)


def new_or_not_at_all(system: Any, http: Http, heard: Any, file: Path, table: str, new: Any) -> None:
    killed = interrupted(system, file, table, lambda: place(http, new))
    ref = killed.sent["ref"]
    what = tr("the order with the ref {ref}", ref=ref)
    again = http.post("/orders", json=killed.sent)
    if again.status == 409:
        expect_announced(lambda: of_ref(heard, ref), what, table, killed, again)
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
    expect_no_ghost(of_ref(heard, ref) == {again.json["id"]}, what, table, killed, again)


def cancelled_or_not_at_all(system: Any, http: Http, heard: Any, file: Path, table: str, new: Any) -> None:
    order = placed(http, new)
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


def others(file: Path) -> list[Path]:
    """More SQLite files beside it: what is written there is no part of its transactions."""
    magic = b"SQLite format 3\0"
    return [one for one in sorted(file.parent.iterdir()) if one != file and one.is_file() and begins(one) == magic]


def begins(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(16)


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
            code="order-not-shown" if answer.method == "GET" else "order-not-answered",
            about=[order, answer],
        )


def pending(answer: Answer) -> Any:
    """How many events wait, as GET /admin/outbox says it."""
    return field(answer.json, "pending")


# -- events


def announced(heard: Any, orders: list[Answer], kind: str = CREATED, *, when: str = "", wire: Any = None) -> None:
    """All these orders are, sooner or later. With `wire`, a failure tells whether there were any confirms."""

    def unconfirmed() -> bool:
        return wire is not None and not wire.flows(LINK, "confirm*")

    def shown() -> Iterator[Answer | str]:
        for order in missing(heard, orders, kind)[:1]:
            yield order
            if kind == CANCELLED:
                yield order.json["id"]  # its cancellation is another request

    def instead() -> str:
        lost = missing(heard, orders, kind)
        said = tr("{count} not announced: {names}", count=len(lost), names=names(lost))
        return said + (
            "; " + tr("no confirm on the wire at all: the channel does not ask for confirms") if unconfirmed() else ""
        )

    eventually(
        lambda: not missing(heard, orders, kind),
        trn("{kind} of {count} order{when}", "{kind} of {count} orders{when}", len(orders), kind=kind, when=when),
        code=lambda: "lost-unconfirmed" if unconfirmed() else "not-announced",
        got=instead,
        about=shown(),
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
        about=[order] if kind == CREATED else [order.json["id"], order],  # its cancellation is another request
    )


def is_kind(message: Any, kind: str) -> bool:
    return bool(message.routing_key == kind and field(message.json, "type") == kind)


def data_of(message: Any) -> dict[str, Any]:
    data = field(message.json, "data")
    return data if isinstance(data, dict) else {}


def field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def malformed(message: Any, data: dict[str, Any], cause: Answer) -> tuple[str, str]:
    """What is wrong with the event that this request caused, as a code and in words; "" twice if it is as agreed."""
    event = message.json
    asked = cause.request_id
    wrong = [
        (event.get("specversion") != "1.0", "malformed-event", tr("specversion is not 1.0")),
        (not event.get("id"), "malformed-event", tr("it has no id")),
        (not event.get("source"), "malformed-event", tr("it has no source")),
        (not is_time(event.get("time")), "malformed-event", tr("time is not as in RFC 3339")),
        (not data.items() <= data_of(message).items(), "malformed-event", tr("data is not {data}", data=data)),
        (
            message.message_id != str(event.get("id")),
            "malformed-event",
            tr("message_id is {message_id!r} and not the event's id", message_id=message.message_id),
        ),
        (
            message.correlation_id != asked or event.get("correlationid", asked) != asked,
            "wrong-correlation",
            tr(
                "correlation_id is {correlation!r} and not the request's X-Request-ID {request_id}",
                correlation=message.correlation_id,
                request_id=asked,
            ),
        ),
        (not message.persistent, "not-persistent", tr("it is not persistent (delivery_mode 2)")),
        (
            not message.content_type.startswith(CONTENT_TYPE),
            "malformed-event",
            tr("content_type is {content_type!r}", content_type=message.content_type),
        ),
    ]
    return next(((code, words) for found, code, words in wrong if found), ("", ""))


def is_time(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def names(orders: list[Answer]) -> str:
    """The ids of the first three, and how many more there are."""
    more = tr(" and {count} more", count=len(orders) - 3) if len(orders) > 3 else ""
    return ", ".join(str(order.json["id"]) for order in orders[:3]) + more
