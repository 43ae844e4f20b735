"""Exercise 3.8: orders tells a log of what becomes of each order, and projections makes of it what one can look at."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from lab.grading import Http, behaviour, cannot_tell, eventually, expect, hold, status, stays, tr, within

TOPIC, DEAD = "shop.orders", "shop.orders.dlt"
GROUP = "projections"
LINK = "projections->kafka"
STATUSES = ("created", "paid", "packed", "shipped", "delivered")
WHOLE = [{"version": version, "status": word} for version, word in enumerate(STATUSES, 1)]
"""The history of an order that has arrived."""

AUTO_COMMIT = 6.5
"""Seconds after which a client that commits on a timer of its own has done so: every 5 by default."""
OVERTAKEN = 0.6
"""Seconds in which a record that waits for nobody is handled."""
PATIENCE = 20.0
AFTERWARDS = 1.0
"""Seconds for which one looks at what must not come: what is repeated late shows."""


@behaviour("C1")
def check_the_order_of_events(http, kafka, stub, rng, new):
    listening(http, kafka, new)
    nobody = http["projections"].get(f"/projections/orders/{new.id('order')}")
    expect(
        nobody.status == 404 and nobody.code == "unknown_order",
        tr("404 unknown_order for an order that nothing was heard of"),
        got=nobody,
        code="unknown-shown",
        about=[nobody],
    )
    order = new.id("order")
    held = holding(stub, order)
    changes = life(kafka, order)
    kafka.produce_all(TOPIC, [(order, event) for event in changes])
    asked_for_a_mail(held, order)
    stays(lambda: "delivered" not in statuses(http, order), OVERTAKEN)
    seen = statuses(http, order)
    expect(
        "delivered" not in seen,
        tr("order.delivered of order {order} is handled after order.shipped, whose mail is under way", order=order),
        got=tr("history: {seen}", seen=", ".join(seen)),
        code="overtaken",
        about=[order, changes[-1]["id"]],
    )
    held.release()
    whole(http, order)

    orders = [new.id("order") for _ in range(20)]
    kafka.produce_all(TOPIC, interleaved(kafka, orders, rng))
    _another_life(http, kafka, new)
    for order in orders:
        whole(http, order)
    for each in (*orders, order):
        expect_once(http, stub, each, tr("20 orders changed at the same time"))


def _another_life(http: Http, kafka: Any, new: Any) -> None:
    """A history is what was told, not what is usual."""
    order, words = new.id("order"), ["created", "paid", "refunded", "cancelled"]
    kafka.produce_all(TOPIC, [(order, event) for event in life(kafka, order, words)])
    eventually(
        lambda: statuses(http, order)[-1:] == words[-1:],
        tr("order {order} to be shown as cancelled", order=order),
        code="never-projected",
        got=lambda: shown(http, order),
        about=[order],
    )
    expect(
        statuses(http, order) == words,
        tr("the history of order {order} is {all}", order=order, all=", ".join(words)),
        got=", ".join(statuses(http, order)),
        code="invented",
        about=[order],
    )


@behaviour("C2")
def check_what_orders_tells(system, http, kafka, rng, new):
    placed = [http.post("/orders", json={"amount": rng.randrange(1_000, 90_000)}) for _ in range(40)]
    for answer in placed:
        expect_view(answer, 201, "created", 1)
    ids = [str(answer.json["id"]) for answer in placed]
    asked = {(order, 1): answer for order, answer in zip(ids, placed, strict=True)}
    changed = rng.sample(ids, 12)
    for version, word in ((2, "paid"), (3, "packed")):
        if version == 3:
            system.restart("orders")
        for order in changed:
            asked[order, version] = http.put(f"/orders/{order}/status", json={"status": word})
            expect_view(asked[order, version], 200, word, version)
    unknown = http.put("/orders/nobody-knows-it/status", json={"status": "paid"})
    expect(
        unknown.status == 404 and unknown.code == "unknown_order",
        tr("404 unknown_order for the status of an order that there is not"),
        got=unknown,
        code="unknown-order-changed",
        about=[unknown],
    )
    eventually(
        lambda: len(kafka.records(TOPIC)) >= len(asked),
        tr("{count} events in {topic}, one for each change of an order", count=len(asked), topic=TOPIC),
        code="not-told",
        got=lambda: tr("{count} records", count=len(kafka.records(TOPIC))),
        about=[placed[0]],
    )
    told = kafka.records(TOPIC)
    for record in told:
        expect_event(record, asked)
    expect(
        len(told) == len(asked) == len({record.json["id"] for record in told}),
        tr("each change of an order is told once, under an id of its own"),
        got=tr(
            "{count} records with {ids} different ids for {changes} changes",
            count=len(told),
            ids=len({record.json["id"] for record in told}),
            changes=len(asked),
        ),
        code="told-twice",
    )
    for order in changed:
        mine = [record for record in told if record.json["data"]["order_id"] == order]
        places = sorted({record.partition for record in mine})
        expect(
            len(places) == 1,
            tr("all events of order {order} are in one partition of {topic}", order=order, topic=TOPIC),
            got=tr(
                "they are in the partitions {places}; keys: {keys}",
                places=", ".join(map(str, places)),
                keys=", ".join(sorted({record.key or tr("none") for record in mine})),
            ),
            code="scattered",
            about=[order],
        )
        expect(
            {record.key for record in mine} == {order},
            tr("the key of each event of order {order} is {order}", order=order),
            got=", ".join(sorted({record.key or tr("none") for record in mine})),
            code="other-key",
            about=[order],
        )
        expect(
            [record.json["data"]["version"] for record in mine] == [1, 2, 3],
            tr("the events of order {order} lie in the order of its versions", order=order),
            got=str([record.json["data"]["version"] for record in mine]),
            code="out-of-order",
            about=[order],
        )
    used = {record.partition for record in told}
    expect(
        len(used) > 1,
        tr("the events of 40 orders are spread over the partitions of {topic}", topic=TOPIC),
        got=tr("all of them are in partition {number}", number=min(used)),
        code="one-partition",
    )
    listening(http, kafka, new)
    order = str(http.post("/orders", json={"amount": 9_000}).json["id"])
    http.put(f"/orders/{order}/status", json={"status": "paid"})
    eventually(
        lambda: statuses(http, order) == ["created", "paid"],
        tr("projections to show what became of order {order}", order=order),
        code="not-projected",
        got=lambda: shown(http, order),
        about=[order],
    )


@behaviour("C3")
def check_killed_before_the_commit(system, http, kafka, stub, faults, rng, new):
    listening(http, kafka, new)
    kafka.caught_up(GROUP, TOPIC)
    order, others = new.id("order"), [new.id("order") for _ in range(8)]
    held = holding(stub, order)
    mine = kafka.produce_all(TOPIC, [(order, event) for event in life(kafka, order)])
    kafka.produce_all(TOPIC, interleaved(kafka, others, rng))
    asked_for_a_mail(held, order)
    shipped = mine[STATUSES.index("shipped")]

    def past() -> bool:
        return bool(kafka.committed(GROUP, TOPIC)[shipped.partition] > shipped.offset)

    within(AUTO_COMMIT, past)
    early = past()
    system.kill("projections")
    stub["notify"].heal()
    system.start("projections")
    for each in (order, *others):
        eventually(
            lambda each=each: statuses(http, each)[-1:] == ["delivered"] and mails(stub, each),  # type: ignore[misc]
            tr(
                "order {order} to be delivered and its customer to have a mail, after projections was killed",
                order=each,
            ),
            code="committed-before-done" if early else "lost",
            got=lambda each=each: (  # type: ignore[misc]
                tr(
                    "{shown}, {mails} mails; before the kill the group had committed past order.shipped of {order}, "
                    "whose mail was under way",
                    shown=shown(http, each),
                    mails=len(mails(stub, each)),
                    order=order,
                )
                if early
                else tr("{shown}, {mails} mails", shown=shown(http, each), mails=len(mails(stub, each)))
            ),
            about=[each],
        )
    expect(
        not early,
        tr("the group commits order.shipped of {order} once its mail is sent", order=order),
        got=tr("it had committed offset {offset} while the mail was under way", offset=shipped.offset + 1),
        code="committed-before-done",
        about=[order],
    )
    for each in (order, *others):
        expect_once(http, stub, each, tr("projections was killed in between"))
    _killed_after_its_work(system, http, kafka, stub, faults, new)


def _killed_after_its_work(system: Any, http: Http, kafka: Any, stub: Any, faults: Any, new: Any) -> None:
    """What was done and not committed comes again, to a process that remembers nothing."""
    order = new.id("order")
    first, *others = [(order, event) for event in life(kafka, order)]
    kafka.caught_up(GROUP, TOPIC)
    with faults.on(LINK, "lose-commit"):
        kafka.produce_all(TOPIC, [first])
        eventually(  # who ends over a refused commit has handled it, too: that he does is C4's to say
            lambda: statuses(http, order) or not system.alive("projections"),
            tr("order {order} to be shown as created", order=order),
            code="never-projected",
            about=[order],
        )
        if system.alive("projections"):
            system.kill("projections")
    system.start("projections")
    kafka.produce_all(TOPIC, others)
    whole(http, order)
    expect_once(http, stub, order, tr("its first event came again after a kill"))


@behaviour("C4")
def check_refused_commits(system, http, kafka, stub, faults, rng, new):
    listening(http, kafka, new)
    kafka.caught_up(GROUP, TOPIC)
    pid = system.pid("projections")
    orders = [new.id("order") for _ in range(6)]
    refusing = faults.add(f"lose-commit {LINK} x2")
    kafka.produce_all(TOPIC, interleaved(kafka, orders, rng))
    eventually(
        lambda: faults.victims(refusing) or not system.alive("projections"),
        tr("projections to commit what it has handled"),
        code="never-commits",
        about=orders[:1],
    )

    def alive() -> None:
        expect(
            system.pid("projections") == pid,
            tr("projections keeps running when the group refuses a commit"),
            got=tr("its process ended"),
            code="died",
            about=orders[:1],
        )

    def done(order: str) -> bool:
        alive()
        return statuses(http, order)[-1:] == ["delivered"]

    for order in orders:
        eventually(
            lambda order=order: done(order),  # type: ignore[misc]
            tr("order {order} to be delivered, although the group refused a commit", order=order),
            code="stopped-consuming",
            got=lambda order=order: shown(http, order),  # type: ignore[misc]
            about=[order],
        )
    faults.heal(refusing)
    last = new.id("order")
    kafka.produce_all(TOPIC, [(last, event) for event in life(kafka, last)])
    whole(http, last)
    kafka.caught_up(GROUP, TOPIC)
    alive()
    for order in (*orders, last):
        expect_once(http, stub, order, tr("commits were refused in between"))


@behaviour("C5")
def check_a_new_group_begins_at_the_beginning(system, http, kafka, stub, wire, rng, new):
    listening(http, kafka, new)
    orders = [new.id("order") for _ in range(8)]
    kafka.produce_all(TOPIC, interleaved(kafka, orders, rng))
    for order in orders:
        whole(http, order)
    kafka.caught_up(GROUP, TOPIC)

    system.stop("projections")
    since = wire.mark()
    system.start("projections")
    last = new.id("order")
    kafka.produce_all(TOPIC, [(last, event) for event in life(kafka, last)])
    whole(http, last)
    again = [flow for flow in wire.flows(LINK, since=since) if flow.role == "delivery" and flow.key in orders]
    expect(
        not again,
        tr("started again in the same group, projections reads on where the group was"),
        got=tr("{count} records came again that the group had committed", count=len(again)),
        code="reads-all-again",
        about=[flow.message for flow in again[:1]],
    )

    other = f"{GROUP}-{rng.randrange(16**4):04x}"
    system.restart("projections", env={"GROUP_ID": other}, clean=True)
    for order in (*orders, last):
        eventually(
            lambda order=order: statuses(http, order) == list(STATUSES),  # type: ignore[misc]
            tr("order {order} to be projected again from the log, by the new group {group}", order=order, group=other),
            code="not-replayed",
            got=lambda order=order: tr(  # type: ignore[misc]
                "{shown}; the group {group} had committed {count} records",
                shown=shown(http, order),
                group=other,
                count=sum(kafka.committed(other, TOPIC).values()),
            ),
            about=[order],
        )
        expect_once(http, stub, order, tr("a new group read the log from its beginning"))
    kafka.caught_up(other, TOPIC)


@behaviour("C6")
def check_poison(system, http, kafka, stub, new):
    listening(http, kafka, new)
    pid = system.pid("projections")
    order, unlucky = new.id("order"), new.id("order")
    stub["notify"].will(status(503), on="POST /notify", times=2, where=lambda seen: asks_for(seen, unlucky))
    empty = json.dumps(kafka.event("order.paid", {}))
    poison = [b"not json", json.dumps({"hello": "world"}).encode(), empty.encode()]
    kafka.produce_all(TOPIC, [(order, value) for value in poison])
    kafka.produce_all(TOPIC, [(each, event) for each in (order, unlucky) for event in life(kafka, each)])

    def done(each: str) -> bool:
        expect(
            system.pid("projections") == pid,
            tr("projections keeps running after a record that cannot be read"),
            got=tr("its process ended"),
            code="died",
            about=[order],
        )
        return statuses(http, each)[-1:] == ["delivered"]

    for each, code, before in (
        (order, "blocked", tr("three records that cannot be read lie before it in its partition")),
        (unlucky, "given-up", tr("the mail server answered 503 at first")),
    ):
        eventually(
            lambda each=each: done(each),  # type: ignore[misc]
            tr("order {order} to be delivered, although {before}", order=each, before=before),
            code=code,
            got=lambda each=each: shown(http, each),  # type: ignore[misc]
            about=[each],
        )
    kafka.caught_up(GROUP, TOPIC)
    parked = kafka.records(DEAD)
    values = [record.value for record in parked]
    missing = [value for value in poison if value not in values]
    expect(
        not missing,
        tr("{topic} has each record that cannot be read, byte for byte", topic=DEAD),
        got=tr(
            "{count} records there, and not this one: {value}",
            count=len(parked),
            value=missing[0].decode()[:80] if missing else "",
        ),
        code="not-parked" if not parked else "parked-otherwise",
        about=[order],
    )
    good = [record for record in parked if record.value not in poison]
    expect(
        not good,
        tr("only what cannot be read is in {topic}", topic=DEAD),
        got=tr(
            "also a good event: {value}", value=(good[0].value or b"").decode("utf-8", "replace")[:80] if good else ""
        ),
        code="parks-what-fails",
        about=[unlucky],
    )
    expect(
        {record.key for record in parked} == {order},
        tr("a record in {topic} keeps its key, {order}", topic=DEAD, order=order),
        got=", ".join(sorted({record.key or tr("none") for record in parked})),
        code="key-lost",
        about=[order],
    )
    for each in (order, unlucky):
        expect_once(http, stub, each, tr("records that cannot be read were before it"))


@behaviour("C7")
def check_a_second_instance(system, http, kafka, stub, wire, rng, new):
    listening(http, kafka, new)
    before, after = ([new.id("order") for _ in range(10)] for _ in range(2))
    events = interleaved(kafka, before, rng)
    kafka.produce_all(TOPIC, events[:20])
    first, second = system.scale("projections", 2)
    for at in range(20, len(events), 5):  # some come before the group shares out anew, some meanwhile
        kafka.produce_all(TOPIC, events[at : at + 5])
        within(0.2, lambda: shared(kafka, first, second))
    eventually(
        lambda: shared(kafka, first, second),
        tr(
            "the group {group} to share its 4 partitions out to {first} and {second}",
            group=GROUP,
            first=first,
            second=second,
        ),
        code="not-shared",
        got=lambda: owned(kafka, first, second),
    )
    since = wire.mark()
    kafka.produce_all(TOPIC, interleaved(kafka, after, rng))
    for order in (*before, *after):
        whole(http, order)
        expect_once(http, stub, order, tr("a second instance joined the group meanwhile"))
    if not shared(kafka, first, second):
        cannot_tell(tr("the group shared its partitions out anew while it was looked at"))
    deliveries = [flow for flow in wire.flows(LINK, since=since) if flow.role == "delivery" and flow.key in after]
    readers: dict[str, set[str]] = {}
    for flow in deliveries:
        readers.setdefault(flow.key, set()).add(flow.source)
    both = [order for order, sources in readers.items() if len(sources) > 1]
    expect(
        not both,
        tr("each event is read by one of two instances"),
        got=tr("{count} of {all} orders were read by both", count=len(both), all=len(after)),
        code="read-by-both",
        about=both[:1],
    )


# -- orders


def expect_view(answer: Any, wanted: int, word: str, version: int) -> None:
    """An order as it is agreed."""
    body = answer.json if isinstance(answer.json, dict) else {}
    expect(
        answer.status == wanted
        and body.get("id") not in (None, "")
        and (body.get("status"), body.get("version")) == (word, version),
        tr("{wanted} with the status {word} and the version {version}", wanted=wanted, word=word, version=version),
        got=answer,
        code="wrong-answer",
        about=[answer],
    )


def expect_event(record: Any, asked: dict[tuple[str, int], Any]) -> None:
    """A record of the topic is a CloudEvent, and tells of a change that was asked for."""
    event: dict[str, Any] = record.json if isinstance(record.json, dict) else {}
    data: dict[str, Any] = event["data"] if isinstance(event.get("data"), dict) else {}
    about = str(data.get("order_id")), data.get("version")
    answer = asked.get(about)  # type: ignore[arg-type]
    lacking = [name for name in ("id", "source", "type", "time") if not isinstance(event.get(name), str)]
    problem = (
        tr("it is not JSON")
        if not event
        else tr("specversion is not 1.0")
        if event.get("specversion") != "1.0"
        else tr("{names} missing", names=", ".join(lacking))
        if lacking
        else tr("data tells of no change that was asked for")
        if answer is None
        else tr("type is {kind} and data.status {word}", kind=event["type"], word=data.get("status"))
        if (event["type"], data.get("status")) != (f"order.{answer.json['status']}", answer.json["status"])
        else tr("correlationid is not the request's X-Request-ID {request_id}", request_id=answer.request_id)
        if event.get("correlationid") != answer.request_id
        else ""
    )
    expect(
        not problem,
        tr("each record in {topic} is a CloudEvent 1.0 about an order, as agreed", topic=TOPIC),
        got=tr("{problem}: {value}", problem=problem, value=(record.value or b"").decode("utf-8", "replace")[:300]),
        code="wrong-event",
        about=[answer] if answer is not None else [],
    )


# -- projections


def life(kafka: Any, order: str, words: Iterable[str] = STATUSES) -> list[dict[str, Any]]:
    """The events of an order, one for each status that it comes into."""
    return [
        kafka.event(f"order.{word}", {"order_id": order, "status": word, "version": version})
        for version, word in enumerate(words, 1)
    ]


def interleaved(kafka: Any, orders: Iterable[str], rng: Any) -> list[tuple[str, Any]]:
    """The events of these orders in turns, those of each in their order, each with its key."""
    lives = {order: life(kafka, order) for order in orders}
    return [(order, lives[order][at]) for at in range(len(STATUSES)) for order in rng.sample(list(lives), len(lives))]


def listening(http: Http, kafka: Any, new: Any) -> None:
    """projections reads every partition: of each it has handled an event. One that comes too early for a group that
    begins at the end is followed by others."""
    waiting = {number: [] for number in kafka.committed(GROUP, TOPIC)}  # type: ignore[var-annotated]

    def heard() -> bool:
        for number, orders in list(waiting.items()):
            order = new.id("order")
            kafka.produce(TOPIC, life(kafka, order)[0], order, partition=number)
            orders.append(order)
        within(1.5, lambda: all(any(statuses(http, order) for order in orders) for orders in waiting.values()))
        for number in [number for number, orders in waiting.items() if any(statuses(http, order) for order in orders)]:
            del waiting[number]
        return not waiting

    eventually(
        heard,
        tr("projections to show orders whose order.created is in {topic}", topic=TOPIC),
        code="never-projected",
        got=lambda: tr(
            "nothing of partition {numbers}; of order {order}: {shown}",
            numbers=", ".join(map(str, waiting)),
            order=next(iter(waiting.values()))[-1],
            shown=shown(http, next(iter(waiting.values()))[-1]),
        ),
    )


def statuses(http: Http, order: str) -> list[str]:
    """The words of its history, the earliest first."""
    answer = http["projections"].get(f"/projections/orders/{order}")
    found = answer.json.get("history") if answer.status == 200 and isinstance(answer.json, dict) else None
    return [str(one.get("status")) for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def shown(http: Http, order: str) -> str:
    """What is said of it."""
    answer = http["projections"].get(f"/projections/orders/{order}")
    return f"{answer}: {answer.text[:300]}"


def whole(http: Http, order: str) -> None:
    """Wait for the last of its events."""
    eventually(
        lambda: statuses(http, order)[-1:] == ["delivered"],
        tr("order {order} to be shown as delivered", order=order),
        PATIENCE,
        code="never-projected",
        got=lambda: shown(http, order),
        about=[order],
    )


def expect_once(http: Http, stub: Any, order: str, when: str) -> None:
    """Its history has each event once and in order, and its customer got one mail."""
    answer = http["projections"].get(f"/projections/orders/{order}")
    body = answer.json if isinstance(answer.json, dict) else {}
    seen = statuses(http, order)
    expect(
        seen == list(STATUSES),
        tr("the history of order {order} is {all}, although {when}", order=order, all=", ".join(STATUSES), when=when),
        got=", ".join(seen),
        code="out-of-order" if sorted(seen) == sorted(STATUSES) else "twice" if len(seen) > len(STATUSES) else "lost",
        about=[order],
    )
    agreed = {"order_id": order, "status": "delivered", "version": len(STATUSES), "history": WHOLE}
    expect(
        {name: body.get(name) for name in agreed} == agreed,
        tr("order {order} is shown as {agreed}", order=order, agreed=json.dumps(agreed)),
        got=answer.text[:300],
        code="wrong-projection",
        about=[order],
    )
    sent = mails(stub, order)
    expect(
        len(sent) == 1,
        tr("one mail about order {order}, although {when}", order=order, when=when),
        got=tr("{count} mails", count=len(sent)),
        code="mailed-twice" if sent else "never-mailed",
        about=[order],
    )


def mails(stub: Any, order: str) -> list[Any]:
    return [mail for mail in stub["notify"].sent if str(mail.get("order_id")) == order]


def asks_for(seen: Any, order: str) -> bool:
    return isinstance(seen.json, dict) and str(seen.json.get("order_id")) == order


def holding(stub: Any, order: str) -> Any:
    """The mail server lets the mail about this order wait."""
    return stub["notify"].will(hold(), on="POST /notify", where=lambda seen: asks_for(seen, order))


def asked_for_a_mail(held: Any, order: str) -> None:
    eventually(
        lambda: held.arrived,
        tr("projections to ask for the mail about order {order}, which is shipped", order=order),
        code="never-mailed",
        about=[order],
    )


# -- the group


def shared(kafka: Any, first: str, second: str) -> bool:
    """Whether each of two has partitions of its own, and together they have all."""
    owners = kafka.owners(GROUP, TOPIC)
    mine, theirs = owners.get(first, set()), owners.get(second, set())
    return bool(mine and theirs) and not mine & theirs and len(mine | theirs) == 4


def owned(kafka: Any, *instances: str) -> str:
    """What each was given last."""
    owners = kafka.owners(GROUP, TOPIC)
    return "; ".join(
        tr(
            "{instance}: {numbers}",
            instance=one,
            numbers=", ".join(map(str, sorted(owners.get(one, ())))) or tr("none"),
        )
        for one in instances
    )
