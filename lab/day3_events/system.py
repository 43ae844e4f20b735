"""Wednesday's system: its services, a broker of either kind, links, and what its visitors do."""

from __future__ import annotations

from lab.locale import mark
from lab.system.entity import Entity
from lab.system.model import CLIENT, Engine, Journey, Link, Request, Service, System

HEARTBEAT = "?heartbeat=5"
"""Seconds. A dead connection is noticed after two of them; RabbitMQ advises against less."""


SERVICES = {
    "users": mark("registers users and tells that it did"),
    "orders": mark("takes orders and brings each to an end"),
    "payments": mark("charges once, gives back what was cancelled"),
    "notifications": mark("one mail an order"),
}
ORCHESTRATOR = {"orchestrator": mark("says who does what next, and keeps where each saga stands")}
REPLICAS: dict[str, int | None] = {"one": None, "two": 2}


TOPICS = {"shop.events": 4}
"""Events are spread over four partitions, so up to four instances of a service can share them."""
KINDS = {"rabbitmq": "amqp", "kafka": "kafka"}
SUMMARIES = {
    "amqp": mark("exchange shop.events and everybody's queues"),
    "kafka": mark("a topic for each kind of event, and everybody's place in it"),
}


def system(*, broker: str, saga: str, payments: str) -> System:
    """The same services and the same saga over `rabbitmq` or `kafka`, conducted by nobody or by an orchestrator, with
    one or two `payments`; what they are told decides."""
    kind = KINDS[broker]
    services = SERVICES | (ORCHESTRATOR if saga == "orchestration" else {})
    return System(
        name="day3",
        services=(
            *(
                Service(
                    name=name,
                    module=f"lab.day3_events.{name}",
                    env={"SAGA": saga},
                    replicas=REPLICAS[payments] if name == "payments" else None,
                    summary=summary,
                )
                for name, summary in services.items()
            ),
            Service(
                name="provider",
                module="lab.neighbours.payment",
                role="stub",
                summary=mark("somebody else's payments; declines amounts over 80,000"),
            ),
            Service(
                name="mail", module="lab.neighbours.notify", role="stub", summary=mark("somebody else's mail server")
            ),
        ),
        engines=(
            Engine(
                name="broker",
                kind=kind,
                summary=SUMMARIES[kind],
                topics=TOPICS if kind == "kafka" else {},
            ),
            Engine(name="db", kind="sql", summary=mark("one database a service")),
        ),
        links=(
            Link(source=CLIENT, target="users", protocol="http", env="USERS_URL"),
            Link(source=CLIENT, target="orders", protocol="http", env="ORDERS_URL"),
            Link(source="payments", target="provider", protocol="http", env="PAYMENT_URL"),
            Link(source="notifications", target="mail", protocol="http", env="NOTIFY_URL"),
            *(
                Link(source=service, target="broker", protocol=kind, suffix=HEARTBEAT if kind == "amqp" else "")
                for service in services
            ),
            *(Link(source=service, target="db", protocol="sql", env="DATABASE_URL") for service in services),
        ),
        journeys=(
            Journey(
                name="register",
                weight=2,
                requests=(
                    Request(
                        method="POST",
                        service="users",
                        path="/users",
                        json={"email": "visitor{n}@example.uz", "name": "Visitor {n}"},
                        save={"user": "id"},
                    ),
                ),
            ),
            Journey(
                name="order",
                weight=7,
                requests=(
                    Request(
                        method="POST",
                        service="orders",
                        path="/orders",
                        json={"user_id": "{pick:user}", "amount": "{int:1000:100000}", "ref": "{uuid}"},
                        save={"order": "id"},
                    ),
                ),
            ),
            Journey(
                name="change-of-mind",
                weight=0,
                requests=(
                    Request(
                        method="POST",
                        service="orders",
                        path="/orders",
                        json={"user_id": "{pick:user}", "amount": "{int:1000:80000}", "ref": "{uuid}"},
                        save={"unwanted": "id"},
                    ),
                    Request(method="POST", service="orders", path="/orders/{own:unwanted}/cancel", accepts=(409,)),
                ),
            ),
            Journey(
                name="look",
                weight=2,
                requests=(Request(method="GET", service="orders", path="/orders/{pick:order}"),),
            ),
        ),
        entities=(
            Entity(name="order", states={"pending": "going-on", "confirmed": "good", "cancelled": "bad"}),
            Entity(
                name="payment",
                states={"charging": "going-on", "approved": "good", "declined": "bad", "refunded": "neutral"},
            ),
            Entity(name="user", states={"active": "good"}),
            Entity(name="mail", states={"sent": "good", "delivered": "good"}),
        ),
    )
