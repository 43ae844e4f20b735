"""Wednesday's system: its services, a broker of either kind, links, and what its visitors do."""

from __future__ import annotations

from lab.locale import mark
from lab.system.entity import Entity
from lab.system.model import CLIENT, Engine, Journey, Link, Request, Service, System

HEARTBEAT = "?heartbeat=5"
"""Seconds. A dead connection is noticed after two of them; RabbitMQ advises against less."""


def _service(name: str, summary: str) -> Service:
    return Service(name=name, module=f"lab.day3_events.{name}", summary=summary)


KINDS = {"rabbitmq": "amqp", "kafka": "kafka"}
SUMMARIES = {
    "amqp": mark("exchange shop.events and everybody's queues"),
    "kafka": mark("a topic for each kind of event, and everybody's place in it"),
}


def system(*, broker: str) -> System:
    """The same services and the same saga over `rabbitmq` or `kafka`; what they are told decides."""
    kind = KINDS[broker]
    return System(
        name="day3",
        services=(
            _service("users", mark("registers users and tells that it did")),
            _service("orders", mark("takes orders and brings each to an end")),
            _service("payments", mark("charges once, gives back what was cancelled")),
            _service("notifications", mark("one mail an order")),
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
            Engine(name="broker", kind=kind, summary=SUMMARIES[kind]),
            Engine(name="db", kind="sql", summary=mark("one database a service")),
        ),
        links=(
            Link(source=CLIENT, target="users", protocol="http", env="USERS_URL"),
            Link(source=CLIENT, target="orders", protocol="http", env="ORDERS_URL"),
            Link(source="payments", target="provider", protocol="http", env="PAYMENT_URL"),
            Link(source="notifications", target="mail", protocol="http", env="NOTIFY_URL"),
            *(
                Link(source=service, target="broker", protocol=kind, suffix=HEARTBEAT if kind == "amqp" else "")
                for service in ("users", "orders", "payments", "notifications")
            ),
            *(
                Link(source=service, target="db", protocol="sql", env="DATABASE_URL")
                for service in ("users", "orders", "payments", "notifications")
            ),
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
