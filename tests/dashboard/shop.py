"""A small shop of events: day 3's topology and a seeded, realistic stream of what its taps would see."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import count
from random import Random

from lab.journal.event import EngineState, Event, Flow, Load, Log, Note, Process, Queue
from lab.system.entity import Entity
from lab.system.model import Engine, Link, Service, System
from tests.stamped import fault_change, stamped

SYSTEM = System(
    name="day3",
    entities=(Entity(name="order", states={"pending": "going-on", "confirmed": "good", "cancelled": "bad"}),),
    title="Event-driven shop",
    services=(
        Service(name="users", module="shop.users", summary="registers people and tells everybody"),
        Service(name="orders", module="shop.orders", summary="takes orders, keeps the saga"),
        Service(name="payments", module="shop.payments", summary="charges cards"),
        Service(name="notifications", module="shop.notifications", summary="writes mails"),
        Service(name="payment_provider", module="shop.provider", role="stub", summary="the bank's side"),
        Service(name="mail", module="shop.mail", role="stub", summary="the mail server"),
    ),
    engines=(Engine(name="broker", kind="amqp"),),
    links=(
        Link(source="client", target="users", protocol="http", env="USERS_URL"),
        Link(source="client", target="orders", protocol="http", env="ORDERS_URL"),
        Link(source="users", target="broker", protocol="amqp", env="AMQP_URL"),
        Link(source="orders", target="broker", protocol="amqp", env="AMQP_URL"),
        Link(source="payments", target="broker", protocol="amqp", env="AMQP_URL"),
        Link(source="payments", target="payment_provider", protocol="http", env="PROVIDER_URL"),
        Link(source="notifications", target="broker", protocol="amqp", env="AMQP_URL"),
        Link(source="notifications", target="mail", protocol="http", env="MAIL_URL"),
    ),
)

QUEUES = ("orders.users", "payments.orders", "orders.payments", "notifications.orders", "payments.orders.dlq")


def ready(t: float = 0.2) -> list[Event]:
    """Everything came up."""
    names = [engine.name for engine in SYSTEM.engines] + [service.name for service in SYSTEM.services]
    events: list[Event] = [EngineState(t=t, source="broker", tier="embedded", state="ready")]
    for number, name in enumerate(names):
        events.append(Process(t=t + number * 0.05, source=name, state="ready", pid=4200 + number, reason="answers"))
    return events


def http(link: str, op: str, status: str = "200", **more: object) -> Flow:
    source, _, target = link.partition("->")
    more = {"ms": 3.0, **more}
    return Flow(link=link, source=source, target=target, protocol="http", op=op, status=status, **more)  # type: ignore[arg-type]


def amqp(link: str, op: str, **more: object) -> Flow:
    source, _, target = link.partition("->")
    flow = Flow(link=link, source=source, target=target, protocol="amqp", op=op, **more)  # type: ignore[arg-type]
    return stamped(flow)


def state(ident: str, to: str, correlation: str = "", reason: str = "") -> Log:
    data = {"entity": "order", "id": ident, "state": to, "reason": reason}
    return Log(source="orders", event="state", message=f"order {to}", correlation=correlation, data=data)


def story(random: Random, number: int) -> list[tuple[float, Event]]:
    """One order from click to mail: what is seen, each with its moment after the click."""
    ident, corr = f"o-{number:04}", f"req-{number:04}"
    declined = random.random() < 0.08
    ids = [f"m{number}-{step}" for step in range(3)]
    pay = "payment.declined" if declined else "payment.approved"
    end = "order.cancelled" if declined else "order.confirmed"
    at = 0.0
    seen: list[tuple[float, Event]] = []

    def then(wait: float, event: Event) -> None:
        nonlocal at
        at += wait * random.uniform(0.6, 1.8)
        seen.append((at, event))

    def message(source: str, queue: str, consumer: str, key: str, ident: str) -> None:
        tags: dict[str, object] = {"message": ident, "correlation": corr, "routing_key": key}
        then(0.001, amqp(f"{source}->broker", f"publish {key}", ms=0.4, bytes=420, conn=1, **tags))
        then(0.001, amqp(f"{source}->broker", "confirm", status="confirmed", ms=1.2, conn=1, **tags))
        then(0.002, amqp(f"{consumer}->broker", f"deliver {queue}", bytes=420, conn=2, queue=queue, **tags))

    def acked(queue: str, consumer: str, ident: str) -> None:
        more: dict[str, object] = {"message": ident, "correlation": corr, "queue": queue}
        then(0.002, amqp(f"{consumer}->broker", "ack", conn=2, ms=6.0, **more))

    then(0.004, http("client->orders", "POST /orders", "202", ms=4.0 * random.uniform(0.7, 2), correlation=corr))
    then(0.0, state(ident, "pending", corr))
    message("orders", "payments.orders", "payments", "order.created", ids[0])
    slow = 20.0 * random.uniform(0.5, 3)
    status = "402" if declined else "200"
    then(slow / 1000, http("payments->payment_provider", "POST /charges", status, ms=slow, correlation=corr))
    message("payments", "orders.payments", "orders", pay, ids[1])
    acked("payments.orders", "payments", ids[0])
    reason = "card declined" if declined else ""
    then(0.002, state(ident, "cancelled" if declined else "confirmed", corr, reason))
    message("orders", "notifications.orders", "notifications", end, ids[2])
    acked("orders.payments", "orders", ids[1])
    then(0.008, http("notifications->mail", "POST /mails", "201", ms=8.0 * random.uniform(0.7, 2), correlation=corr))
    acked("notifications.orders", "notifications", ids[2])
    return seen


def stream(seconds: float, orders: float = 15.0, seed: int = 7) -> Iterator[Event]:
    """The journal of a run: `orders` new orders a second, with seq and t stamped, in order."""
    random, numbers, serial = Random(seed), count(1), count()
    heap: list[tuple[float, int, Event]] = []

    def at(t: float, event: Event) -> None:
        heapq.heappush(heap, (t, next(serial), event))

    for event in ready():
        at(event.t, event)
    at(0.6, Note(topic="scenario", text="Orders come in. Follow one from the client to the mail."))
    for step in range(1, int(seconds) + 1):
        at(float(step), Load(rate=orders, sent=int(orders * step), ok=int(orders * step * 0.99), p50=4.8, p99=19.0))
        depths = {name: Queue(ready=random.randrange(3) * (not name.endswith("dlq")), consumers=1) for name in QUEUES}
        at(float(step), EngineState(source="broker", tier="embedded", state="ready", queues=depths))
    text = "latency payments->payment_provider 300ms for 30s"
    at(8.0, fault_change(text, id="f1", change="added", owner="scenario", duration=30.0))
    at(8.0, Note(topic="scenario", text="The payment provider becomes slow. Which orders wait, and where?"))
    moment, sequence = 0.8, count(1)
    while moment < seconds or heap:
        while heap and (heap[0][0] <= moment or moment >= seconds):
            t, _, event = heapq.heappop(heap)
            event.seq, event.t = next(sequence), round(t, 6)
            yield event
        if moment < seconds:
            number = next(numbers)
            if number % 3 == 0:
                at(moment, http("client->users", "POST /users", "201", ms=3.0, correlation=f"reg-{number}"))
                tags = {"message": f"u{number}", "correlation": f"reg-{number}", "routing_key": "user.registered"}
                at(moment + 0.002, amqp("users->broker", "publish user.registered", ms=0.4, **tags))
                tags["queue"] = "orders.users"
                at(moment + 0.004, amqp("orders->broker", "deliver orders.users", conn=2, **tags))
                at(moment + 0.006, amqp("orders->broker", "ack", conn=2, **tags))
            for wait, event in story(random, number):
                at(moment + wait, event)
            moment += random.expovariate(orders)
