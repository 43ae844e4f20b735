"""Exercise 3.9: four services through a storm of faults, and what must be even when it is over."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from lab.grading import (
    Answer,
    Http,
    Schedule,
    behaviour,
    delay,
    eventually,
    expect,
    measured,
    status,
    tr,
    trn,
    within,
)

REGISTERED = "user.registered"
CREATED, APPROVED, DECLINED = "order.created", "payment.approved", "payment.declined"
CONFIRMED, CANCELLED = "order.confirmed", "order.cancelled"
QUEUES = {
    "orders.user-registered": ("orders", (REGISTERED,)),
    "orders.payment-result": ("orders", (APPROVED, DECLINED)),
    "payments.order-events": ("payments", (CREATED, CANCELLED)),
    "notifications.order-outcome": ("notifications", (CONFIRMED, CANCELLED)),
}
"""Whose each queue is, and what it is to hear."""
SERVICES = ("users", "orders", "payments", "notifications")
CONSUMERS = ("orders", "payments", "notifications")
TEMPLATES = {"confirmed": "order_confirmed", "cancelled": "order_cancelled"}

FINE, SHAKY, BEYOND = 25_000, 30_000, 90_000
"""The provider approves the first, answers 503 to the second before it approves it, and declines the third."""
USERS, ORDERS = 40, 80
ARRIVING = 8.0
"""Seconds in which the users arrive."""
LATER = (1.0, 4.0)
"""Seconds after which a user orders again."""
SLOW = {"payment": 0.1, "notify": 0.25}
"""Seconds that a charge and a mail take, so that a kill meets somebody at work."""

CALM = 20.0
"""Seconds within which an order ends on a calm day."""
SETTLED = 60.0
"""Seconds after the last fault within which all must be even."""
REST = 20.0
"""Seconds without any message or call after which nobody expects anything any more."""
LIMIT = 150
"""Seconds that all of it may take on a busy machine."""
AGAIN = 0.3
"""Seconds between two of its attempts."""
TOLD = 0.75
"""The share of orders whose way the logs tell. A process that is killed may take its last lines with it."""
SLACK = 0.25
"""Seconds by which a log line may be late."""
HOT = 200
"""So often nobody is given one message that he tries again at a sensible pace."""


@behaviour("C1")
def check_a_calm_day(http, broker, stub, new):
    attentive(broker)
    neighbours(stub)
    stranger = http["orders"].post("/orders", json=an_order(new.id("user"), new, FINE))
    expect(
        stranger.status == 422 and stranger.code == "unknown_user",
        tr("an order of somebody who never registered is refused: 422 unknown_user"),
        got=told_as(stranger),
        code="stranger-may-order",
        about=[stranger],
    )
    with broker.listen() as heard:
        user = http["users"].post("/users", json={"email": new.email(), "name": new.name()})
        expect(
            user.status == 201 and read(user.json, "id") is not None,
            tr("POST /users: 201 with an id"),
            got=told_as(user),
            code="not-registered",
            about=[user],
        )
        taken = http["users"].post("/users", json={"email": user.sent["email"], "name": new.name()})
        expect(
            taken.status == 409 and taken.code == "email_taken",
            tr("an e-mail that is taken is refused: 409 email_taken"),
            got=told_as(taken),
            code="email-taken-twice",
            about=[taken],
        )
        orders = [first_order(http, user.json["id"], new)]
        orders += [ordered(http, user.json["id"], new, amount) for amount in (SHAKY, BEYOND)]
        again = http["orders"].post("/orders", json=orders[0].sent)
        expect(
            again.status == 409 and again.code == "duplicate_ref",
            tr("a second order with the ref {ref} is refused: 409 duplicate_ref", ref=orders[0].sent["ref"]),
            got=told_as(again),
            code="ref-taken-twice",
            about=[again],
        )
        for order in orders:
            calm_end(http, stub, order)
        unknown = http["orders"].get(f"/orders/{new.id('order')}")
        expect(
            unknown.status == 404 and unknown.code == "unknown_order",
            tr("an order that there is not: 404 unknown_order"),
            got=told_as(unknown),
            code="unknown-order",
            about=[unknown],
        )
        for order in orders:
            calm_money(stub, order)
            calm_thread(heard, stub, order)


@behaviour("C2", limit=LIMIT)
def check_every_user_is_known(memory, http, broker, stub, wire, chaos, logs, rng, new):
    storm = memory.once(lambda: play(http, broker, stub, wire, chaos, logs, rng, new))
    lost = [visit for visit in storm.visits if visit.user is None]
    expect(
        not lost,
        trn("{count} user to be registered, faults or not", "{count} users to be registered, faults or not", USERS),
        got=tr(
            "{count} are not; the last answer was: {answer}",
            count=len(lost),
            answer=told_as(lost[0].last) if lost else "",
        ),
        code="user-untold" if lost and lost[0].last and lost[0].last.code == "email_taken" else "not-registered",
        about=[visit.last for visit in lost[:1] if visit.last],
    )
    strangers = [visit for visit in storm.visits if visit.refused == "unknown_user"]
    first = strangers[0] if strangers else storm.visits[0]
    announced = any(read(data_of(one), "user_id") == first.user for one in storm.heard if one.routing_key == REGISTERED)
    expect(
        not strangers,
        tr("each of {count} registered users is known to orders and may order", count=USERS),
        got=tr(
            "{count} are refused as unknown_user, the first is {user}; {kind} of it was {told}",
            count=len(strangers),
            user=first.user,
            kind=REGISTERED,
            told=tr("published") if announced else tr("never published"),
        ),
        code="told-and-forgotten" if announced else "user-untold",
        about=[str(first.user)],
    )


@behaviour("C3", limit=LIMIT)
def check_every_order_ends(memory, http, broker, stub, wire, chaos, logs, rng, new):
    storm = memory.once(lambda: play(http, broker, stub, wire, chaos, logs, rng, new))
    refused = [visit for visit in storm.visits if visit.refused not in ("", "unknown_user", "duplicate_ref")]
    expect(
        not refused,
        tr("each of {count} orders is taken, sooner or later: the client asks again until it is", count=ORDERS),
        got=tr("the last answer was: {answer}", answer=told_as(refused[0].last) if refused else ""),
        code="order-refused",
        about=[visit.last for visit in refused[:1] if visit.last],
    )
    untold = [visit for visit in storm.visits if visit.refused == "duplicate_ref"]
    expect(
        not untold,
        tr("each order that was taken is announced: its client lost the answer, asked again, and had a 409"),
        got=tr("of {count} nobody ever heard an {kind}", count=len(untold), kind=CREATED),
        code="order-untold",
        about=[visit.last for visit in untold[:1] if visit.last],
    )
    gone = [order for order in storm.orders if order.status is None]
    expect(
        not gone,
        tr("every order that was taken is shown by GET /orders: 200"),
        got=tr("{count} are not, the first is {id}", count=len(gone), id=gone[0].id if gone else ""),
        code="order-lost",
        about=[order.request_id for order in gone[:1]],
    )
    pending = [order for order in storm.orders if order.status not in TEMPLATES]
    expect(
        not pending,
        trn("{count} order to end", "{count} orders to end", len(storm.orders)),
        got=tr(
            "{count} are still pending. What was told of them: {shown}",
            count=len(pending),
            shown="; ".join(f"{order.id}: {', '.join(storm.kinds(order)) or tr('nothing')}" for order in pending[:3]),
        ),
        code=where_stuck(storm, pending[0]) if pending else "",
        about=[order.request_id for order in pending[:1]],
    )
    for order in storm.orders:
        wanted = ("cancelled", "payment_declined") if order.amount == BEYOND else ("confirmed", "")
        expect(
            (order.status, order.reason) == wanted,
            tr(
                "order {id} over {amount} UZS ends as the provider decided: {end}",
                id=order.id,
                amount=order.amount,
                end=end(*wanted),
            ),
            got=end(order.status, order.reason),
            code="ended-otherwise",
            about=[order.request_id],
        )
        kinds = storm.kinds(order)
        expect(
            order.status != "confirmed" or APPROVED in kinds[: kinds.index(CONFIRMED) if CONFIRMED in kinds else None],
            tr("order {id} is confirmed after its payment was approved", id=order.id),
            got=", ".join(kinds),
            code="confirmed-before-paid",
            about=[order.request_id],
        )


@behaviour("C4", limit=LIMIT)
def check_the_money_is_even(memory, http, broker, stub, wire, chaos, logs, rng, new):
    storm = memory.once(lambda: play(http, broker, stub, wire, chaos, logs, rng, new))
    for order in storm.orders:
        open_ = [
            charge for charge in storm.charges if charge["order_id"] == order.id and charge["status"] == "approved"
        ]
        amounts = [charge["amount"] for charge in open_]
        wanted = [order.amount] if order.status == "confirmed" else []
        if order.status not in TEMPLATES and len(open_) < 2:
            continue  # whether it ends is not what is asked here
        expect(
            amounts == wanted,
            tr(
                "order {id} is {status}: charged {amount} UZS, once",
                id=order.id,
                status=order.status,
                amount=order.amount,
            )
            if wanted
            else tr("order {id} is {status}: no money is kept for it", id=order.id, status=order.status),
            got=tr("{count} open charges: {amounts}", count=len(open_), amounts=", ".join(map(str, amounts))),
            code="charged-twice" if len(open_) > 1 else "confirmed-not-charged" if wanted else "cancelled-and-charged",
            about=[order.request_id],
        )


@behaviour("C5", limit=LIMIT)
def check_one_mail_an_order(memory, http, broker, stub, wire, chaos, logs, rng, new):
    storm = memory.once(lambda: play(http, broker, stub, wire, chaos, logs, rng, new))
    ended = [order for order in storm.orders if order.status in TEMPLATES]
    silent = [order for order in ended if not storm.mails[order.id]]
    expect(
        not silent,
        trn("a mail for {count} order", "a mail for each of {count} orders", len(ended)),
        got=tr("{count} have none, the first is {id}", count=len(silent), id=silent[0].id if silent else ""),
        code="mail-lost",
        about=[order.request_id for order in silent[:1]],
    )
    for order in ended:
        sent, wanted = storm.mails[order.id], TEMPLATES[str(order.status)]
        expect(
            sent == [wanted],
            tr("one mail for order {id}: {template}", id=order.id, template=wanted),
            got=tr("{count}: {sent}", count=len(sent), sent=", ".join(sent)),
            code="mailed-twice" if len(sent) > 1 else "mailed-otherwise",
            about=[order.request_id],
        )


@behaviour("C6", limit=LIMIT)
def check_every_message_is_accounted_for(memory, http, broker, stub, wire, chaos, logs, rng, new):
    storm = memory.once(lambda: play(http, broker, stub, wire, chaos, logs, rng, new))
    for queue, left in storm.left.items():
        expect(
            not left,
            tr("{queue} is worked off", queue=queue),
            got=left,
            code="not-drained",
        )
    for queue, most in storm.often.items():
        expect(
            most <= HOT,
            tr("a message of {queue} that cannot be handled is not requeued again and again", queue=queue),
            got=tr("one was delivered {times} times", times=most),
            code="requeued-endlessly",
        )
    for queue, bodies in storm.parked.items():
        lost = POISON not in bodies
        expect(
            not lost,
            tr("what cannot be read is put aside in {queue}.dlq", queue=queue),
            got=tr("{count} messages there, not this one: {poison}", count=len(bodies), poison=POISON.decode()),
            code="poison-lost",
        )
        others = [body for body in bodies if body != POISON]
        expect(
            not others,
            tr("only what cannot be read is in {queue}.dlq", queue=queue),
            got=tr(
                "{count} others, the first is {body}",
                count=len(others),
                body=others[0].decode(errors="replace")[:200] if others else "",
            ),
            code="parked-too-much",
        )
    for queue, missing in storm.vanished.items():
        expect(
            not missing,
            tr("each message published for {queue} was acknowledged there", queue=queue),
            got=tr(
                "{count} never were, the first is {message}", count=len(missing), message=missing[0] if missing else ""
            ),
            code="vanished",
        )


@behaviour("C7", limit=LIMIT)
def check_the_logs_tell_the_way(memory, http, broker, stub, wire, chaos, logs, rng, new):
    storm = memory.once(lambda: play(http, broker, stub, wire, chaos, logs, rng, new))
    ended = [order for order in storm.orders if order.status in TEMPLATES]
    untold = [(order, gap) for order in ended if (gap := storm.untold(order.request_id))]
    order, gap = untold[0] if untold else (None, "")
    expect(
        len(untold) <= (1 - TOLD) * len(ended),
        tr(
            "the logs of orders, payments and notifications tell the way of {least} of {count} orders at least, by the "
            "X-Request-ID with which each was placed",
            least=int(TOLD * len(ended)),
            count=len(ended),
        ),
        got=tr("of {told}. Order {id}: {gap}", told=len(ended) - len(untold), id=order.id if order else "", gap=gap),
        code="not-traced",
        about=[order.request_id] if order else [],
    )


# -- the storm


POISON = b'{"type": "this is no event'


def drawn(rng: Random) -> Schedule:
    """The faults of the seed.

    Jitter and duplicates all the time. The connections to the broker break twice: once of those who tell what clients
    did, who are killed before they have told it, and once of those who work for others, who are killed at work.
    """
    faults = [(1.0, f"latency {name}->amqp 100ms jitter=100ms for 11s") for name in SERVICES]
    faults += [(1.0, f"redeliver {name}->amqp 10% for 11s") for name in CONSUMERS]
    first = rng.random() < 0.5
    telling, working = (rng.uniform(3.0, 3.5), rng.uniform(7.5, 8.5)) if first else (rng.uniform(8.0, 8.5), 3.0)
    for name in ("users", "orders"):
        faults += [(telling, f"refuse {name}->amqp for 2.5s"), (telling + rng.uniform(1.2, 2.0), f"kill {name}")]
    # Not before work has come again, and for the mails while payments still sends some.
    for name, later in (("notifications", 3.6), ("payments", 4.8)):
        faults += [(working, f"refuse {name}->amqp for 1.5s")]
        faults += [(working + later + rng.uniform(0.0, 0.6), f"kill {name}")]
    return Schedule.of((round(at, 1), text) for at, text in faults)


def nothing() -> None:
    """Nobody does anything beside the storm."""


@dataclass(frozen=True)
class Weather:
    """What a storm is made of. `beside` is what operators do while the schedule is played."""

    drawn: Callable[[Random], Schedule] = drawn
    arriving: float = ARRIVING
    slow: Mapping[str, float] = field(default_factory=lambda: SLOW)
    beside: Callable[[], object] = nothing


@dataclass
class Order:
    """An order of the storm. `request_id` is that of its POST."""

    ref: str
    amount: int
    request_id: str
    pause: float = 0.0
    """Seconds that the user waits before it."""
    id: Any = None
    status: str | None = None
    reason: str = ""


@dataclass
class Visit:
    """What one user did: registers, then orders. `refused` is why an order was not taken, if one was not."""

    email: str
    orders: list[Order]
    user: Any = None
    refused: str = ""
    last: Answer | None = None
    sent_home: threading.Event = field(default_factory=threading.Event)


class Crowd:
    """The users, who come in a thread of their own."""

    def __init__(self, come: Callable[[], object], visits: list[Visit]) -> None:
        self._visits = visits
        self._thread = threading.Thread(target=come, name="crowd", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    @property
    def gone(self) -> bool:
        """Whether each has what they wanted."""
        return not self._thread.is_alive()

    def send_home(self) -> None:
        for visit in self._visits:
            visit.sent_home.set()
        self._thread.join()


@dataclass
class Storm:
    """What the storm has left behind, for all behaviours."""

    visits: list[Visit]
    heard: list[Any]
    charges: list[dict[str, Any]] = field(default_factory=list)
    mails: dict[Any, list[str]] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    """By queue what is still in it, in words."""
    parked: dict[str, list[bytes]] = field(default_factory=dict)
    vanished: dict[str, list[str]] = field(default_factory=dict)
    often: dict[str, int] = field(default_factory=dict)
    """By queue how often the message came that came most often."""
    lines: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)
    """By service and correlation id when its first and its last log line came."""

    @property
    def orders(self) -> list[Order]:
        """Those that were taken."""
        return [order for visit in self.visits for order in visit.orders if order.id is not None]

    def kinds(self, order: Order) -> list[str]:
        """What was published about the order."""
        return [one.routing_key for one in self.heard if read(data_of(one), "order_id") == order.id]

    def untold(self, ident: str) -> str:
        """What the logs do not tell of the way of the order with this id; empty if they do."""
        moments = [self.lines[name].get(ident) for name in CONSUMERS]
        for name, moment in zip(CONSUMERS, moments, strict=True):
            if moment is None:
                return tr("no line of {name} has {id}", name=name, id=ident)
        (_, *firsts), lasts = [one[0] for one in moments if one], [one[1] for one in moments if one]
        begun = moments[0][0] if moments[0] else 0.0
        if begun > firsts[0] + SLACK or firsts[0] > lasts[2] + SLACK:
            return tr("its lines do not come in the order orders, payments, notifications")
        return ""


def play(http, broker, stub, wire, chaos, logs, rng, new, weather: Weather | None = None) -> Storm:
    """Let the users come while the schedule is played, wait until all is even, and look at everything."""
    weather = weather or Weather()
    attentive(broker)
    neighbours(stub, weather.slow)
    schedule = chaos.schedule(weather.drawn(Random(rng.random())))
    amounts = [FINE] * (ORDERS * 6 // 10) + [BEYOND] * (ORDERS * 2 // 10) + [SHAKY] * (ORDERS * 2 // 10)
    rng.shuffle(amounts)
    visits = [
        Visit(
            new.email(),
            [an(new, amount, pause) for amount, pause in zip(pair, (0.0, rng.uniform(*LATER)), strict=True)],
        )
        for pair in zip(amounts[:USERS], amounts[USERS:], strict=True)
    ]
    with broker.listen() as heard:
        for queue in QUEUES:
            broker.publish(POISON, queue, f"poison-{queue}", exchange="")
        crowd = Crowd(
            partial(http.open_loop, [partial(come, http, heard, visit) for visit in visits], weather.arriving), visits
        )
        with ThreadPoolExecutor(1) as operators:
            with chaos.playing(schedule):
                crowd.begin()
                beside = operators.submit(weather.beside)
            beside.result()
        over = time.monotonic()
        storm = Storm(visits, [])
        even = chaos.settle(
            lambda: crowd.gone and is_even(http, broker, stub, wire, heard, storm),
            tr("everything to be even"),
            waiting=lambda: any(broker.depth(queue) for queue in QUEUES),
            within=SETTLED,
            rest=REST,
        )
        crowd.send_home()
        if even:
            measured("recovery", round(time.monotonic() - over, 1))
        look(http, broker, stub, wire, logs, heard, storm)
    return storm


def an(new: Any, amount: int, pause: float) -> Order:
    return Order(new.id("ref"), amount, new.id("req"), pause)


def come(http: Http, heard: Any, visit: Visit) -> None:
    """Register, then order; a client goes on until it has what it wants, or is sent home."""
    users, orders = http["users"], http["orders"]

    def registered() -> bool:
        visit.last = users.post("/users", json={"email": visit.email, "name": "Lola"}, timeout=5.0)
        if visit.last.status == 201:
            visit.user = read(visit.last.json, "id")
        elif visit.last.status == 409:  # an answer was lost: who it is we hear from the event
            visit.user = next(
                (read(data_of(one), "user_id") for one in heard if told_of(one, "email", visit.email)), None
            )
        return visit.user is not None

    insist(visit, registered)
    for order in visit.orders if visit.user is not None else ():
        time.sleep(order.pause)
        body = {"user_id": visit.user, "ref": order.ref, "amount": order.amount}

        def taken(order: Order = order, body: dict[str, Any] = body) -> bool:
            visit.last = answer = orders.post(
                "/orders", json=body, headers={"X-Request-ID": order.request_id}, timeout=5.0
            )
            if answer.status == 201:
                order.id = read(answer.json, "id")
            elif answer.status == 409 and answer.code == "duplicate_ref":
                order.id = next(
                    (read(data_of(one), "order_id") for one in heard if told_of(one, "ref", order.ref)), None
                )
            visit.refused = "" if order.id is not None else answer.code or str(answer.status)
            return order.id is not None

        insist(visit, taken)
        if visit.refused:
            return


def insist(visit: Visit, attempt: Callable[[], bool]) -> None:
    while not attempt() and not visit.sent_home.wait(AGAIN):
        pass


def is_even(http: Http, broker: Any, stub: Any, wire: Any, heard: Any, storm: Storm) -> bool:
    """Whether every order has ended and every mail is sent, and no queue holds anything."""
    orders = http["orders"]
    open_ = [order for order in storm.orders if order.status not in TEMPLATES]
    for order in open_[:5]:
        refresh(orders, order)
    if any(order.status not in TEMPLATES for order in open_):
        return False
    mailed = {mail.get("order_id") for mail in stub["notify"].sent}
    return (
        all(order.id in mailed for order in storm.orders)
        and not any(broker.depth(queue) for queue in QUEUES)
        and not any(unacknowledged(wire, heard, queue) for queue in QUEUES)
    )


def unacknowledged(wire: Any, heard: Any, queue: str) -> list[str]:
    """The ids of what was published for the queue, and of which no delivery was ever acknowledged."""
    name, types = QUEUES[queue]
    link = f"{name}->amqp"
    acked = {
        flow.message for flow in wire.flows(link) if flow.role == "ack" and not flow.back and flow.outcome != "lost"
    }
    published = dict.fromkeys(one.message_id for one in heard if one.routing_key in types)
    return [ident for ident in published if ident not in acked and not wire.acknowledged(link, [ident])]


def refresh(orders: Http, order: Order) -> None:
    answer = orders.get(f"/orders/{order.id}")
    if answer.status == 200:
        order.status, order.reason = read(answer.json, "status"), read(answer.json, "reason") or ""
    elif answer.status == 404:
        order.status = None


def look(http: Http, broker: Any, stub: Any, wire: Any, logs: Any, heard: Any, storm: Storm) -> None:
    """Gather what is judged."""
    http.at_once([partial(refresh, http["orders"], order) for order in storm.orders], limit=4)
    storm.heard = heard.up_to_now()
    storm.charges = stub["payment"].charges
    storm.mails = {order.id: [] for order in storm.orders}
    for mail in stub["notify"].sent:
        storm.mails.setdefault(mail.get("order_id"), []).append(str(mail.get("template")))
    for queue, (name, _) in QUEUES.items():
        ready = broker.depth(queue)
        storm.left[queue] = trn("{count} message ready", "{count} messages ready", ready) if ready else ""
        storm.parked[queue] = []
        while parked := broker.get(f"{queue}.dlq"):
            storm.parked[queue].append(parked.body)
        link = f"{name}->amqp"
        times = Counter(flow.message for flow in wire.deliveries(link, queue))
        storm.often[queue] = max(times.values(), default=0)
        storm.vanished[queue] = unacknowledged(wire, storm.heard, queue)
    for name in CONSUMERS:
        storm.lines[name] = spans(logs(name))


def spans(lines: Iterable[Any]) -> dict[str, tuple[float, float]]:
    """By correlation id when the first and the last line with it came."""
    found: dict[str, tuple[float, float]] = {}
    for line in lines:
        if ident := line.correlation:
            first, _ = found.get(ident, (line.t, line.t))
            found[ident] = first, line.t
    return found


def where_stuck(storm: Storm, order: Order) -> str:
    """Who is to be asked why the order is pending, as a code."""
    kinds = set(storm.kinds(order))
    if CREATED not in kinds:
        return "order-untold"
    return "decision-ignored" if kinds & {APPROVED, DECLINED} else "decision-untold"


def neighbours(stub: Any, slow: Mapping[str, float] = SLOW) -> None:
    """Both take a moment; the provider answers 503 to the first charge of a shaky order."""
    asked: set[Any] = set()

    def shaky_and_new(seen: Any) -> bool:
        order = read(seen.json, "order_id")
        if read(seen.json, "amount") != SHAKY or order in asked:
            return False
        asked.add(order)
        return True

    stub["payment"].will(status(503), on="POST /charges", where=shaky_and_new)
    for name, seconds in slow.items():
        stub[name].will(delay(seconds))


# -- a calm day


def an_order(user: Any, new: Any, amount: int) -> dict[str, Any]:
    return {"user_id": user, "ref": new.id("ref"), "amount": amount}


def first_order(http: Http, user: Any, new: Any) -> Answer:
    """As soon as orders has heard of the user."""
    body, answers = an_order(user, new, FINE), []

    def taken() -> bool:
        answers.append(http["orders"].post("/orders", json=body))
        return answers[-1].status == 201

    eventually(
        taken,
        tr("user {user}, who has registered, may order: 201", user=user),
        CALM,
        code=lambda: "user-unknown" if answers[-1].code == "unknown_user" else "order-refused",
        got=lambda: told_as(answers[-1]),
        about=[str(user)],
    )
    expect_pending(answers[-1])
    return answers[-1]


def ordered(http: Http, user: Any, new: Any, amount: int) -> Answer:
    answer = http["orders"].post("/orders", json=an_order(user, new, amount))
    expect_pending(answer)
    return answer


def expect_pending(answer: Answer) -> None:
    expect(
        answer.status == 201 and read(answer.json, "id") is not None and read(answer.json, "status") == "pending",
        tr("POST /orders: 201 with an id and the status pending"),
        got=told_as(answer),
        code="order-refused",
        about=[answer],
    )


def calm_end(http: Http, stub: Any, order: Answer) -> None:
    declined = order.sent["amount"] == BEYOND
    wanted = ("cancelled", "payment_declined") if declined else ("confirmed", "")
    ident = order.json["id"]

    def shown() -> Answer:
        return http["orders"].get(f"/orders/{ident}")

    def as_decided() -> bool:
        answer = shown()
        return (read(answer.json, "status"), read(answer.json, "reason") or "") == wanted

    eventually(
        as_decided,
        tr("order {id} over {amount} UZS to be {end}", id=ident, amount=order.sent["amount"], end=end(*wanted)),
        CALM,
        code=lambda: "never-ended" if read(shown().json, "status") == "pending" else "ended-otherwise",
        got=lambda: told_as(shown()),
        about=[order],
    )
    expect(
        read(shown().json, "user_id") == order.sent["user_id"],
        tr("GET /orders/{id} shows its user_id, {user}", id=ident, user=order.sent["user_id"]),
        got=told_as(shown()),
        code="user-not-shown",
        about=[order],
    )
    eventually(
        lambda: mails(stub, ident),
        tr("the mail {template} for order {id}", template=TEMPLATES[wanted[0]], id=ident),
        CALM,
        code="not-mailed",
        about=[order],
    )
    expect(
        mails(stub, ident) == [TEMPLATES[wanted[0]]],
        tr("one mail for order {id}: {template}", id=ident, template=TEMPLATES[wanted[0]]),
        got=", ".join(mails(stub, ident)),
        code="mailed-otherwise",
        about=[order],
    )


def calm_money(stub: Any, order: Answer) -> None:
    ident, amount = order.json["id"], order.sent["amount"]
    wanted = [] if amount == BEYOND else [amount]

    def charged() -> list[Any]:
        made = stub["payment"].charges
        return [one["amount"] for one in made if one["order_id"] == ident and one["status"] == "approved"]

    within(5.0, lambda: charged() == wanted)
    expect(
        charged() == wanted,
        tr("order {id}: charged once, {amount} UZS", id=ident, amount=amount)
        if wanted
        else tr("order {id} was declined: nothing is charged", id=ident),
        got=", ".join(map(str, charged())) or tr("no charge"),
        code="charged-otherwise",
        about=[order],
    )


def calm_thread(heard: Any, stub: Any, order: Answer) -> None:
    """The id of the request goes with every event and every call."""
    ident = order.json["id"]
    for message in heard:
        if read(data_of(message), "order_id") == ident:
            expect_thread(message.routing_key, order, message.correlation_id)
    for name in ("payment", "notify"):
        for seen in stub[name].seen:
            if read(seen.json, "order_id") == ident:
                expect_thread(seen.line, order, seen.headers.get("x-request-id", ""))


def expect_thread(what: str, order: Answer, found: str) -> None:
    expect(
        found == order.request_id,
        tr(
            "{what} for order {id} goes under the id of its request, {wanted}",
            what=what,
            id=order.json["id"],
            wanted=order.request_id,
        ),
        got=found or tr("no id"),
        code="id-of-its-own",
        about=[order],
    )


# -- words and values


def attentive(broker: Any) -> None:
    """Every queue is there, and consumed from unless its owner fetches messages one by one."""
    for queue, (name, _) in QUEUES.items():
        eventually(
            lambda queue=queue: broker.exists(queue),  # type: ignore[misc]
            tr("{name} to declare its queue {queue}", name=name, queue=queue),
            code="no-queue",
            got=lambda: tr("no such queue"),
        )
    within(2.0, lambda: all(broker.consumers(queue) for queue in QUEUES))


def mails(stub: Any, ident: Any) -> list[str]:
    return [str(mail.get("template")) for mail in stub["notify"].sent if mail.get("order_id") == ident]


def told_of(message: Any, name: str, value: str) -> bool:
    return bool(read(data_of(message), name) == value)


def data_of(message: Any) -> Any:
    return read(message.json, "data")


def read(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def end(status: str | None, reason: str) -> str:
    return f"{status} ({reason})" if reason else str(status)


def told_as(answer: Answer | None) -> str:
    return f"{answer}: {answer.text[:200]}" if answer else tr("no answer")
