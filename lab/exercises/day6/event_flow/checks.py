"""Checks of 6.2: those of 3.9, in a storm in which the broker dies and one service becomes three, and each of these
two by itself.

The file beside this one is the checks of 3.9.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial, wraps
from random import Random
from typing import Any

import order_processing  # type: ignore[import-not-found]

from lab.grading import Answer, Http, Schedule, behaviour, borrowed, delay, eventually, expect, hold, tr, within
from lab.grading.checking.branch_rules import keeps_the_rules
from lab.grading.instruments.git import History

REGISTERED, CREATED = order_processing.REGISTERED, order_processing.CREATED
APPROVED, CONFIRMED = order_processing.APPROVED, order_processing.CONFIRMED
QUEUES, SERVICES, CONSUMERS = order_processing.QUEUES, order_processing.SERVICES, order_processing.CONSUMERS
FINE = order_processing.FINE
MAILED = "notifications"
"""The service that becomes three."""
QUEUE, LINK = "notifications.order-outcome", "notifications->amqp"
MAIL = "POST /notify"
INSTANCES = 3
PREFETCH = 10

WAITING = 15
"""Mails that wait in the broker when it dies: more than PREFETCH, so that some of them are in nobody's hand."""
UNHEARD = 5
"""Orders that are placed while it hangs."""
HANGS = 1.0
"""Seconds from the moment in which it hangs until it dies: what is sent to it meanwhile it never reads."""
BACK = 30.0
"""Seconds within which everything goes on."""
REVIVAL = 60.0
"""Seconds that the broker may take to come back."""
BACKLOG, MORE = 40, 20
"""Mails that wait when new instances come, and so many after that."""
LEAST = (BACKLOG + MORE) // 10
"""So many of them each of the three sends at least."""
PATIENT = {"HTTP_TIMEOUT_MS": 20_000}
"""So that nobody gives up while the mailer is held."""
COPIES = 3
REPEATED = 10
IN_HAND = 12

ARRIVING = 10.0
"""Seconds in which the users of the storm arrive."""
SLOW = {"payment": 0.25, "notify": 0.4}
"""Seconds that a charge and a mail take: there is work left when somebody is killed, and one instance alone sends fewer
mails than orders end."""
SCALED = 5.0
"""The second of the storm in which it becomes three."""
LIMIT = order_processing.LIMIT


@behaviour("C1", start=False)
def check_the_branch(history: History) -> None:
    keeps_the_rules(history)


check_a_calm_day = borrowed("C2", order_processing.check_a_calm_day)


# -- the broker dies


@behaviour("C3", limit=LIMIT)
def check_the_broker_keeps_what_it_was_given(system, http, broker, stub, new):
    """Nobody consumes, each queue holds something, and the broker restarts."""
    order_processing.attentive(broker)
    with broker.listen() as heard:
        user = registered(http, new)
        order_processing.first_order(http, user, new)
        for name in ("payments", MAILED):
            system.kill(name)
        order = order_processing.ordered(http, user, new, FINE)
        ident = order.json["id"]
        awaited(heard, CREATED, "order_id", [ident], "order-untold", order)
        system.kill("orders")
        newcomer = registered(http, new)
        awaited(heard, REGISTERED, "user_id", [newcomer], "user-untold")
        for kind in (APPROVED, CONFIRMED):
            broker.publish(broker.event(kind, {"order_id": ident}, correlationid=order.request_id))
        persistent(heard)
        kept(broker, tr("nobody consumes from it"), "queue-gone")
        broker.restart()
        kept(broker, tr("the broker has restarted"), "queue-not-durable")
        for queue in QUEUES:
            expect(
                within(5.0, partial(broker.depth, queue)),
                tr("{queue} still has its message after a restart of the broker", queue=queue),
                got=tr("it is empty"),
                code="message-not-kept",
                about=[order],
            )
        for name in CONSUMERS:
            system.start(name)
        ends_well(http, stub, [order])
        order_processing.first_order(http, newcomer, new)


@behaviour("C3", limit=LIMIT)
def check_the_broker_dies(system, http, broker, stub, faults, new):
    """It hangs, swallows what it is sent, and is killed, while mails wait."""
    order_processing.attentive(broker)
    pids = {name: system.pid(name) for name in SERVICES}
    with broker.listen() as heard:
        user = registered(http, new)
        order_processing.first_order(http, user, new)
        held = stub["notify"].will(hold(), on=MAIL)
        orders = [order_processing.ordered(http, user, new, FINE) for _ in range(WAITING)]
        awaited(heard, CONFIRMED, "order_id", [order.json["id"] for order in orders], "never-ended", orders[0])
        persistent(heard)
        dead = system.pid("amqp")
        faults.add("freeze amqp for 10s")
        unheard = [order_processing.ordered(http, user, new, FINE) for _ in range(UNHEARD)]
        newcomer = registered(http, new)
        within(HANGS, lambda: False)
        faults.add("kill amqp")
        if not within(REVIVAL, lambda: system.pid("amqp") not in (None, dead)):
            raise RuntimeError(tr("{name} does not come back", name="amqp"))
        system.wait_ready("amqp", REVIVAL)
        held.release()
        awaited(heard, CREATED, "order_id", [order.json["id"] for order in unheard], "told-to-the-dead", unheard[0])
        awaited(heard, REGISTERED, "user_id", [newcomer], "told-to-the-dead")
        ends_well(http, stub, [*orders, *unheard])
        order_processing.first_order(http, newcomer, new)
        for name, pid in pids.items():
            expect(
                system.pid(name) == pid,
                tr("{name} keeps running, although the broker died", name=name),
                got=tr("its process ended"),
                code="died-with-the-broker",
            )


def registered(http: Http, new: Any) -> Any:
    """The id of a new user."""
    answer = http["users"].post("/users", json={"email": new.email(), "name": new.name()}, timeout=10.0)
    expect(
        answer.status == 201 and order_processing.read(answer.json, "id") is not None,
        tr("POST /users: 201 with an id"),
        got=order_processing.told_as(answer),
        code="not-registered",
        about=[answer],
    )
    return answer.json["id"]


def awaited(heard: Any, kind: str, field: str, idents: Iterable[Any], code: str, *about: Answer) -> None:
    """An event of this kind about each of them comes through the broker."""
    wanted = list(idents)

    def missing() -> list[Any]:
        told = {order_processing.read(order_processing.data_of(one), field) for one in heard if one.routing_key == kind}
        return [ident for ident in wanted if ident not in told]

    eventually(
        lambda: not missing(),
        tr("{kind} about each of {count} on shop.events", kind=kind, count=len(wanted)),
        BACK,
        code=code,
        got=lambda: tr("{count} are missing, the first is {id}", count=len(missing()), id=missing()[0]),
        about=[*about, *map(str, wanted[:1])],
    )


def persistent(heard: Any) -> None:
    """Each event that a service has told so far may be kept."""
    for one in heard:
        expect(
            one.persistent,
            tr("{kind} is published as persistent: delivery_mode 2", kind=one.routing_key),
            got=tr("it is transient, so the broker forgets it with its restart"),
            code="not-persistent",
            about=[one.message_id],
        )


def kept(broker: Any, when: str, code: str) -> None:
    for queue in QUEUES:
        expect(
            broker.exists(queue),
            tr("the queue {queue} is there when {when}", queue=queue, when=when),
            got=tr("it is gone, and what was in it"),
            code=code,
            about=[queue],
        )


def ends_well(http: Http, stub: Any, orders: Iterable[Answer]) -> None:
    """Each of these is confirmed, and one mail says so."""
    wanted = {order.json["id"]: order for order in orders}

    def open_() -> list[Any]:
        return [
            ident
            for ident in wanted
            if order_processing.read(http["orders"].get(f"/orders/{ident}").json, "status") != "confirmed"
        ]

    eventually(
        lambda: not open_(),
        tr("each of {count} orders to be confirmed", count=len(wanted)),
        BACK,
        code="never-ended",
        got=lambda: tr("{count} are not, the first is {id}", count=len(open_()), id=open_()[0]),
        about=list(wanted.values())[:1],
    )
    mailed(stub, list(wanted), about=list(wanted.values())[:1])
    for ident, order in wanted.items():
        sent = order_processing.mails(stub, ident)
        expect(
            len(sent) == 1,
            tr("one mail for order {id}", id=ident),
            got=", ".join(sent),
            code="mailed-twice",
            about=[order],
        )


def mailed(stub: Any, idents: list[Any], about: Iterable[Any] = ()) -> None:
    def missing() -> list[Any]:
        sent = {mail.get("order_id") for mail in stub["notify"].sent}
        return [ident for ident in idents if ident not in sent]

    eventually(
        lambda: not missing(),
        tr("a mail for each of {count} orders", count=len(idents)),
        BACK,
        code="mail-lost",
        got=lambda: tr("{count} have none, the first is {id}", count=len(missing()), id=missing()[0]),
        about=[*about, *idents[:1]],
    )


# -- one becomes three


@behaviour("C4", start=False)
def check_three_share_the_work(system, broker, stub, wire, new):
    instances = system.topology.instances(MAILED)
    system.start(instances[0], PATIENT)
    eventually(
        lambda: broker.exists(QUEUE),
        tr("{name} to declare its queue {queue}", name=MAILED, queue=QUEUE),
        code="no-queue",
        got=lambda: tr("no such queue"),
    )
    within(2.0, lambda: broker.consumers(QUEUE))  # now it is bound, unless messages are fetched one by one
    held = stub["notify"].will(hold(), on=MAIL)
    events = [ended(broker, new) for _ in range(BACKLOG)]
    held.wait()
    few_in_hand(broker)
    for name in instances[1:]:
        system.start(name, PATIENT)
    working: set[str] = set()

    def all_work() -> bool:
        working.update(flow.source for flow in wire.deliveries(LINK, QUEUE))
        return working >= set(instances)

    within(10.0, all_work)
    expect(
        working >= set(instances),
        tr("{count} mails wait: each of {instances} gets some of them", count=BACKLOG, instances=", ".join(instances)),
        got=tr("only {working} got any", working=", ".join(sorted(working))),
        code="not-shared",
        about=events[-1:],
    )
    events += [ended(broker, new) for _ in range(MORE)]
    stub["notify"].will(delay(0.05), on=MAIL)
    held.release()
    mailed(stub, events)
    broker.drained(QUEUE)
    asked = Counter(order_processing.read(seen.json, "order_id") for seen in stub["notify"].seen)
    twice = [ident for ident in events if asked[ident] > 1]
    expect(
        not twice,
        tr("{count} orders are {count} requests to the mailer, although there are three instances", count=len(events)),
        got=tr("{count} orders with more than one, {first} first", count=len(twice), first=twice[0] if twice else ""),
        code="each-gets-all",
        about=twice[:1],
    )
    share = Counter(flow.source for flow in wire.flows(LINK) if flow.role == "ack" and not flow.back)
    expect(
        min(share[name] for name in instances) >= LEAST,
        tr("three instances share {count} mails: each sends {least} at least", count=len(events), least=LEAST),
        got=", ".join(f"{name}: {share[name]}" for name in instances),
        code="not-shared",
        about=events[-1:],
    )
    copies_do_nothing(broker, stub, new)
    one_of_three_dies(system, broker, stub, wire, new, instances[1])


def ended(broker: Any, new: Any) -> str:
    """Tell that an order was confirmed, past the services; its id, which is that of the event, too."""
    ident: str = new.id("order")
    broker.publish(broker.event(CONFIRMED, {"order_id": ident}, id=ident))
    return ident


def few_in_hand(broker: Any) -> None:
    worst = 0

    def too_many() -> bool:
        nonlocal worst
        worst = max(worst, int(broker.unacked(QUEUE)))
        return worst > PREFETCH

    within(0.7, too_many)
    expect(
        worst <= PREFETCH,
        tr(
            "{count} mails wait, and PREFETCH is {few}: {name} has at most {few} in hand",
            count=BACKLOG,
            few=PREFETCH,
            name=MAILED,
        ),
        got=tr("{worst} unacknowledged", worst=worst),
        code="no-prefetch",
    )


def copies_do_nothing(broker: Any, stub: Any, new: Any) -> None:
    """An event that the broker deals out to one instance after the other is one mail."""
    events = [broker.event(CONFIRMED, {"order_id": new.id("order")}) for _ in range(REPEATED)]
    for event in events:
        for _ in range(1 + COPIES):
            broker.publish(event)
    idents = [event["data"]["order_id"] for event in events]
    mailed(stub, idents)
    broker.drained(QUEUE)
    for ident in idents:
        sent = order_processing.mails(stub, ident)
        expect(
            len(sent) == 1,
            tr(
                "one mail for order {id}, although its event came {count} times, to different instances",
                id=ident,
                count=1 + COPIES,
            ),
            got=tr("{count}: {sent}", count=len(sent), sent=", ".join(sent)),
            code="mailed-twice",
            about=[ident],
        )


def one_of_three_dies(system: Any, broker: Any, stub: Any, wire: Any, new: Any, victim: str) -> None:
    """What it had in hand the others do."""
    held = stub["notify"].will(hold(), on=MAIL)
    since = wire.mark()
    events = [ended(broker, new) for _ in range(IN_HAND)]

    def taken() -> list[str]:
        return [flow.message for flow in wire.deliveries(LINK, QUEUE, since) if flow.source == victim]

    within(5.0, lambda: taken() and held.held >= INSTANCES)
    in_hand, killed = taken(), time.monotonic()
    system.kill(victim)
    stub["notify"].will(delay(0.05), on=MAIL)
    held.release()

    def forgotten() -> list[str]:
        asked = {order_processing.read(seen.json, "order_id") for seen in stub["notify"].seen if seen.at > killed}
        return [ident for ident in in_hand if ident not in asked]

    eventually(
        lambda: not forgotten(),
        tr("{victim} is killed with {count} mails in hand: the others send them", victim=victim, count=len(in_hand)),
        BACK,
        code="lost-in-a-crash",
        got=lambda: tr("{count} nobody has tried again, {first} first", count=len(forgotten()), first=forgotten()[0]),
        about=in_hand[:1],
    )
    mailed(stub, events)


# -- both at once, in a storm


def in_our_storm(check: Callable[..., None]) -> Callable[..., None]:
    """A check of 3.9 that looks at what our storm has left behind."""

    @wraps(check)
    def here(system, memory, http, broker, stub, wire, chaos, logs, rng, new):
        memory.once(lambda: storm(system, http, broker, stub, wire, chaos, logs, rng, new))
        check(memory, http, broker, stub, wire, chaos, logs, rng, new)

    del here.__wrapped__  # pytest would ask that which fixtures are wanted
    return here


check_every_user_is_known = borrowed("C5", in_our_storm(order_processing.check_every_user_is_known))
check_every_order_ends = borrowed("C6", in_our_storm(order_processing.check_every_order_ends))
check_the_money_is_even = borrowed("C7", in_our_storm(order_processing.check_the_money_is_even))
check_one_mail_an_order = borrowed("C8", in_our_storm(order_processing.check_one_mail_an_order))
check_nothing_is_left = borrowed("C9", in_our_storm(order_processing.check_every_message_is_accounted_for))
check_the_logs_tell_the_way = borrowed("C10", in_our_storm(order_processing.check_the_logs_tell_the_way))


@behaviour("C10", limit=LIMIT)
def check_one_id_from_end_to_end(system, memory, http, broker, stub, wire, chaos, logs, rng, new):
    left = memory.once(lambda: storm(system, http, broker, stub, wire, chaos, logs, rng, new))
    ours = {order.id: order.request_id for order in left.orders}
    said = [
        (one.routing_key, order_processing.read(order_processing.data_of(one), "order_id"), one.correlation_id)
        for one in left.heard
    ]
    said += [
        (seen.line, order_processing.read(seen.json, "order_id"), seen.headers.get("x-request-id", ""))
        for name in ("payment", "notify")
        for seen in stub[name].seen
    ]
    lost = [(what, ident, found) for what, ident, found in said if ident in ours and found != ours[ident]]
    what, ident, found = lost[0] if lost else ("", "", "")
    expect(
        not lost,
        tr("every event and every call for an order goes under the id of its request, whoever died meanwhile"),
        got=tr(
            "{count} do not. {what} for order {id} has {found} and not {wanted}",
            count=len(lost),
            what=what,
            id=ident,
            found=found or tr("no id"),
            wanted=ours.get(ident, ""),
        ),
        code="id-lost",
        about=[ours[ident]] if lost else [],
    )


def storm(system, http, broker, stub, wire, chaos, logs, rng, new) -> Any:
    def scale() -> None:
        time.sleep(SCALED)
        system.scale(MAILED, INSTANCES)

    def lines(name: str) -> list[Any]:
        every = [line for one in system.topology.instances(name) for line in logs(one)]
        return sorted(every, key=lambda line: line.t)

    weather = order_processing.Weather(drawn=drawn, arriving=ARRIVING, slow=SLOW, beside=scale)
    return order_processing.play(http, broker, stub, wire, chaos, lines, rng, new, weather)


def drawn(rng: Random) -> Schedule:
    """The faults of the seed.

    Jitter until the last kill, and duplicates for some time after it, when most of the work is done. The connections of
    those who tell what clients did are cut, and they are killed before they have told it. Then the broker hangs and
    dies. Then those who work for others lose it once more, and are killed at work; of the three who send mails one.
    """
    faults = [(1.0, f"latency {name}->amqp 100ms jitter=100ms for 14s") for name in SERVICES]
    faults += [(1.0, f"redeliver {name}->amqp 10% for 19s") for name in CONSUMERS]
    telling, dying, working = rng.uniform(3.0, 3.5), rng.uniform(6.5, 7.0), rng.uniform(9.5, 10.0)
    for name in ("users", "orders"):
        faults += [(telling, f"refuse {name}->amqp for 2s"), (telling + rng.uniform(1.2, 1.8), f"kill {name}")]
    faults += [(dying, "freeze amqp for 5s"), (dying + HANGS, "kill amqp")]
    for name in ("payments", MAILED):
        faults += [(working, f"refuse {name}->amqp for 1s")]
    # Not before they have found the broker again, which takes them two seconds, and long before they are done.
    victim = f"{MAILED}-{rng.randint(1, INSTANCES)}"
    faults += [(working + rng.uniform(4.0, 4.5), f"kill {name}") for name in ("payments", victim)]
    return Schedule.of((round(at, 1), text) for at, text in faults)
