"""Exercise 3.1: users announces, orders listens, and neither needs the other to be there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from lab.grading import Answer, Http, behaviour, eventually, expect, never, stays, tr, within

EXCHANGE = "shop.events"
KEY = "user.registered"
QUEUE = "orders.user-registered"
SOURCE = "/users"

AMOUNT = 25_000
CONTENT_TYPE = "application/cloudevents+json"
LOST = 10.0
"""Seconds after which an event that was given back is not on its way any more."""
ENDLESS = 50
"""So often no sensible retry delivers one message within seconds."""


@behaviour("C1", start=False)
def check_each_registration_is_announced_once(system, http, broker, wire, new):
    broker.declare(QUEUE, KEY)  # as if orders had run before: what comes stays, and can be read
    system.start("users")
    people = [registered(http, new) for _ in range(3)]
    expect_email_taken(http.post("/users", json={"email": people[0].sent["email"], "name": "Refused Refusedov"}))
    heard: list[Any] = []
    expect_nothing_before_the_commit(system, http, broker, new, heard)
    with system.failing_commits("users"):
        undone = register(http, new)
    people.append(registered(http, new))  # a fence: what was published before it has arrived when it has

    for person in people:
        eventually(
            lambda: about(person, hear(broker, heard)),  # noqa: B023
            tr(
                "user {id} to be announced on {exchange} with routing key {key}",
                id=person.json["id"],
                exchange=EXCHANGE,
                key=KEY,
            ),
            code="not-announced",
            got=lambda: published(wire),
            about=[person],
        )
    never(
        lambda: [
            message.body.decode(errors="replace") for message in hear(broker, heard) if b"Refusedov" in message.body
        ],
        tr("an event about the registration with the taken e-mail {email}", email=people[0].sent["email"]),
        code="announced-refused",
        about=[people[0]],
    )
    expect(
        undone.status == 201 or not about(undone, heard),
        tr("the registration of {email} failed at its commit: nothing is announced", email=undone.sent["email"]),
        got=tr("user.registered was published before the commit"),
        code="announced-before-the-commit",
        about=[undone],
    )
    for person in people:
        events = about(person, heard)
        for message in events:
            code, wrong = malformed(message, person)
            expect(
                not wrong,
                tr("the event about user {id} is as agreed", id=person.json["id"]),
                got=f"{wrong}: {message.body.decode(errors='replace')}",
                code=code,
                about=[message.message_id, person],
            )
        idents = {str(message.json["id"]) for message in events}
        expect(
            len(idents) == 1,
            tr("the registration of {id} is one event", id=person.json["id"]),
            got=tr("{count} events with the ids {idents}", count=len(idents), idents=", ".join(sorted(idents))),
            code="announced-twice",
            about=[person],
        )


def expect_nothing_before_the_commit(system: Any, http: Http, broker: Any, new: Any, heard: list[Any]) -> None:
    """A registration that cannot be written yet has not happened yet. Data that is kept elsewhere cannot be held up."""
    email = new.email()

    def told() -> list[Any]:
        return [message for message in hear(broker, heard) if email.encode() in message.body]

    with ThreadPoolExecutor(1) as pool:
        with system.writing("users") as held:
            asked = pool.submit(http["users"].post, "/users", json={"email": email, "name": new.name()})
            early = within(0.7, told) and held
        answer = asked.result()
    expect(
        not early,
        tr("the registration of {email} cannot be written yet: nothing is announced", email=email),
        got=tr("user.registered was published before the commit"),
        code="announced-too-early",
        about=[answer],
    )


@behaviour("C2")
def check_order_of_a_new_user_is_soon_accepted(http, broker, new):
    listening(broker)
    person = registered(http, new)
    usable(http, person)
    placed = order(http, person.json["id"])
    agreed = {"user_id": person.json["id"], "amount": AMOUNT}
    expect(
        isinstance(placed.json, dict) and placed.json.get("id") is not None and agreed.items() <= placed.json.items(),
        tr("POST /orders of user {id} answers with id, user_id and amount", id=person.json["id"]),
        got=f"{placed}: {placed.text[:200]}",
        code="half-an-order" if isinstance(placed.json, dict) and "amount" not in placed.json else "wrong-order",
        about=[placed],
    )
    stranger = new.id("user")
    answer = order(http, stranger)
    expect(
        answer.outcome != "ok",
        tr("an order of user {stranger}, who never registered, is refused with 422 unknown_user", stranger=stranger),
        got=answer,
        code="stranger-accepted",
        about=[answer],
    )
    expect(
        answer.status == 422 and answer.code == "unknown_user",
        tr("an unknown user is refused with 422 unknown_user"),
        got=answer,
        code="wrong-refusal",
        about=[answer],
    )


@behaviour("C3")
def check_what_happened_while_orders_was_down_is_not_lost(system, http, broker, wire, new):
    listening(broker)
    early = registered(http, new)
    usable(http, early)
    system.stop("orders")
    people = [registered(http, new) for _ in range(5)]
    expect(
        broker.exists(QUEUE),
        tr("the queue {queue} exists and collects messages while orders is down", queue=QUEUE),
        got=tr("the queue went away together with its consumer"),
        code="queue-gone",
        about=people,
    )
    system.start("orders")
    for person in people:
        usable(http, person, code="lost-while-away")
    answer = order(http, early.json["id"])
    expect(
        answer.outcome == "ok",
        tr("user {id}, whom orders knew before its restart, can order", id=early.json["id"]),
        got=answer,
        code="user-forgotten",
        about=[early, answer],
    )
    killed_before_it_is_written(system, http, wire, new)
    system.stop("orders")
    system.stop("users")
    broker.restart()
    expect(
        broker.exists(QUEUE),
        tr("the queue {queue} is still there after a restart of the broker", queue=QUEUE),
        got=tr("it is gone: it was not declared durable"),
        code="queue-not-durable",
    )
    waiting = broker.depth(QUEUE)
    broker.publish(broker.event(KEY, {"user_id": new.id("user"), "email": new.email(), "name": new.name()}))
    expect(
        within(2.0, lambda: broker.depth(QUEUE) > waiting),
        tr(
            "{exchange} still puts events of {key} into {queue} after a restart of the broker",
            exchange=EXCHANGE,
            key=KEY,
            queue=QUEUE,
        ),
        got=tr("the exchange or its binding is gone"),
        code="exchange-not-durable",
    )


def killed_before_it_is_written(system: Any, http: Http, wire: Any, new: Any) -> None:
    """The database takes its time: who acknowledges an event now has written nothing yet."""
    since = wire.mark()
    with system.writing("orders"):
        people = [registered(http, new) for _ in range(3)]

        def acknowledged() -> bool:
            heard = [flow.message for flow in wire.deliveries("orders->amqp", QUEUE, since)]
            return bool(wire.acknowledged("orders->amqp", heard, since))

        within(1.0, acknowledged)
        if system.alive("orders"):
            system.kill("orders")
    system.start("orders")
    for person in people:
        usable(http, person, code="lost-in-the-crash", within=LOST)


@behaviour("C4")
def check_users_needs_no_listener(system, http, broker, new):
    listening(broker)
    system.kill("orders")
    for _ in range(3):
        expect_registered(register(http, new), tr("while orders is down"), "needs-a-listener")
    broker.delete(QUEUE)
    for _ in range(3):
        expect_registered(register(http, new), tr("after orders and its queue are gone for good"), "needs-a-listener")


@behaviour("C5")
def check_every_subscriber_gets_every_event(http, broker, wire, new):
    listening(broker)
    foreign = broker.publish(broker.event("order.created", {"order_id": new.id("order"), "user_id": new.id("user")}))
    with broker.listen("user.*") as other, broker.listen("order.#") as stranger:
        people = http.at_once([lambda: register(http, new)] * 10)
        for person in people:
            expect_registered(person, tr("while ten users register at once"))
        for person in people:
            usable(http, person, code="orders-missed")
        # The exchange gives copies out in one go: what orders has heard, the other queue has.
        heard = other.up_to_now()
        missed = [person.json["id"] for person in people if not about(person, heard)]
        expect(
            not missed,
            tr(
                "a second subscriber to {key} gets an event of each of the {count} registrations, as orders does",
                key=KEY,
                count=len(people),
            ),
            got=tr(
                "{count} of {all} came to its queue; {published}",
                count=len(people) - len(missed),
                all=len(people),
                published=published(wire),
            ),
            code="subscriber-missed",
            about=[person for person in people if person.json["id"] in missed][:1],
        )
        strange = stranger.up_to_now()
        expect(
            not strange,
            tr("a queue that is bound to order.# gets no event of {key}", key=KEY),
            got=tr("it got {count}: {exchange} is no topic exchange", count=len(strange), exchange=EXCHANGE),
            code="not-a-topic",
        )
    expect(
        foreign not in {flow.message for flow in wire.deliveries("orders->amqp", QUEUE)},
        tr("{queue} is bound to {key}: an event order.created does not come to it", queue=QUEUE, key=KEY),
        got=tr("it was delivered to orders"),
        code="bound-to-more",
        about=[foreign],
    )


@behaviour("C6")
def check_orders_bears_what_it_did_not_expect(system, http, broker, wire, new):
    listening(broker)
    pid = system.pid("orders")
    unknown = broker.event("user.renamed", {"user_id": new.id("user"), "old_name": new.name(), "new_name": new.name()})
    broker.publish(unknown, routing_key=KEY)
    newer = broker.event(
        KEY,
        {
            "user_id": new.id("user"),
            "email": new.email(),
            "name": new.name(),
            "phone": "+998901234567",
            "roles": ["buyer"],
        },
        dataschema="https://shop.example/schemas/user.registered/2",
        tenant="tashkent",
    )
    nameless = broker.event(KEY, {"user_id": new.id("user"), "email": new.email()})
    broker.publish(newer)
    broker.publish(nameless)

    def worked_off() -> bool:
        delivered = wire.deliveries("orders->amqp", QUEUE)
        times = sum(flow.message == unknown["id"] for flow in delivered)
        expect(
            times <= ENDLESS,
            tr("an event of the unknown type user.renamed is handled once"),
            got=tr("it was delivered {times} times: it is requeued again and again", times=times),
            code="requeued-endlessly",
            about=[unknown["id"]],
        )
        return not broker.depth(QUEUE) and not broker.unacked(QUEUE)

    eventually(
        lambda: worked_off() and stays(worked_off),
        tr(
            "{queue} to be empty after events of an unknown type, of a newer version and without a name",
            queue=QUEUE,
        ),
        code="not-drained",
        got=lambda: tr(
            "{depth} ready, {unacked} unacknowledged", depth=broker.depth(QUEUE), unacked=broker.unacked(QUEUE)
        ),
        about=[unknown["id"]],
    )
    expect(
        system.pid("orders") == pid,
        tr("orders keeps running after an unexpected event"),
        got=tr("its process ended"),
        code="died",
        about=[unknown["id"]],
    )
    for event, what in (
        (newer, tr("newer version of user.registered")),
        (nameless, tr("user.registered without a name")),
    ):
        user = event["data"]["user_id"]
        answer = order(http, user)
        expect(
            answer.outcome == "ok",
            tr("user {user}, known from a {what}, can order", user=user, what=what),
            got=answer,
            code="event-refused",
            about=[event["id"], answer],
        )
    usable(http, registered(http, new), code="deaf")


@behaviour("C7")
def check_orders_never_calls_users(system, http, broker, wire, new):
    listening(broker)
    person = registered(http, new)
    usable(http, person)
    order(http, new.id("user"))
    calls = wire.flows("orders->users")
    expect(
        not calls,
        tr("orders accepts and refuses orders without calling users"),
        got=tr("{count} requests to users, the first {value}", count=len(calls), value=calls[0].op if calls else ""),
        code="calls-users",
        about=[*(flow.op.rpartition("/")[2] for flow in calls[:1]), person],
    )
    system.kill("users")
    answer = order(http, person.json["id"])
    expect(
        answer.outcome == "ok",
        tr("users is down: orders accepts an order of user {id}, whom it knows", id=person.json["id"]),
        got=answer,
        code="needs-users",
        about=[person, answer],
    )


# -- the two services


def register(http: Http, new: Any) -> Answer:
    return http["users"].post("/users", json={"email": new.email(), "name": new.name()})


def registered(http: Http, new: Any) -> Answer:
    answer = register(http, new)
    expect_registered(answer)
    return answer


def expect_registered(answer: Answer, when: str = "", code: str = "not-registered") -> None:
    expect(
        answer.status == 201
        and isinstance(answer.json, dict)
        and answer.json.get("id") is not None
        and answer.sent.items() <= answer.json.items(),
        tr("POST /users {when}: 201 with id, email and name", when=when)
        if when
        else tr("POST /users: 201 with id, email and name"),
        got=f"{answer}: {answer.text[:200]}",
        code="half-a-user" if answer.status == 201 and code == "not-registered" else code,
        about=[answer],
    )


def expect_email_taken(answer: Answer) -> None:
    expect(
        answer.status == 409 and answer.code == "email_taken",
        tr("an e-mail that is taken is refused with 409 email_taken"),
        got=answer,
        code="taken-accepted",
        about=[answer],
    )


def order(http: Http, user: Any) -> Answer:
    return http["orders"].post("/orders", json={"user_id": user, "amount": AMOUNT})


def usable(http: Http, person: Answer, code: str = "never-usable", within: float = 20.0) -> None:
    """Orders soon takes an order of this user."""
    user = person.json["id"]
    tries: list[Answer] = []

    def accepted() -> bool:
        tries.append(order(http, user))
        return tries[-1].status == 201

    eventually(
        accepted,
        tr("orders to accept an order of user {user}, who is registered", user=user),
        within,
        code=code,
        got=lambda: tries[-1],
        about=[person],
    )


# -- messages


def listening(broker: Any) -> None:
    """Orders has its queue, and consumes from it unless it fetches messages one by one."""
    eventually(
        lambda: broker.exists(QUEUE),
        tr("orders to declare its queue {queue}", queue=QUEUE),
        code="no-queue",
        got=lambda: tr("no such queue"),
    )
    within(2.0, lambda: broker.consumers(QUEUE))


def hear(broker: Any, heard: list[Any]) -> list[Any]:
    """All messages so far, with those that have come to the queue meanwhile."""
    while message := broker.get(QUEUE):
        heard.append(message)
    return heard


def about(person: Answer, messages: list[Any]) -> list[Any]:
    return [message for message in messages if person.sent["email"].encode() in message.body]


def published(wire: Any) -> str:
    """What users published, and where to."""
    flows = wire.flows("users->amqp", "publish*")
    ways = sorted(
        {
            tr(
                "to exchange {exchange!r} with routing key {routing_key!r}",
                exchange=flow.exchange,
                routing_key=flow.routing_key,
            )
            for flow in flows
        }
    )
    return (
        tr("users published {count} messages {ways}", count=len(flows), ways=", ".join(ways))
        if flows
        else tr("users published nothing")
    )


def malformed(message: Any, person: Answer) -> tuple[str, str]:
    """What is wrong with an event about this user, as a code and in words; "" twice if it is as agreed."""
    event = message.json
    if not isinstance(event, dict):
        return "malformed-event", tr("the body is no JSON object")
    data, asked = event.get("data"), person.request_id
    agreed = {"user_id": person.json["id"], "email": person.sent["email"], "name": person.sent["name"]}
    wrong = [
        (event.get("specversion") != "1.0", "malformed-event", tr("specversion is not 1.0")),
        (not event.get("id"), "malformed-event", tr("it has no id")),
        (event.get("source") != SOURCE, "malformed-event", tr("source is not {source}", source=SOURCE)),
        (event.get("type") != KEY, "malformed-event", tr("type is not {key}", key=KEY)),
        (not is_time(event.get("time")), "malformed-event", tr("time is not as in RFC 3339")),
        (
            not isinstance(data, dict) or not agreed.items() <= data.items(),
            "malformed-event",
            tr("data is not {agreed}", agreed=agreed),
        ),
        (
            event.get("correlationid") != asked,
            "wrong-correlation",
            tr("correlationid is not the request's X-Request-ID {request_id}", request_id=asked),
        ),
        (
            message.message_id != str(event.get("id")),
            "malformed-event",
            tr("message_id is {message_id!r} and not the event's id", message_id=message.message_id),
        ),
        (
            message.correlation_id != event.get("correlationid"),
            "malformed-event",
            tr(
                "correlation_id is {correlation!r} and not the event's correlationid",
                correlation=message.correlation_id,
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
