"""Saturday's system: Monday's monolith behind a gateway, and beside it what the week taught to build in its place."""

from __future__ import annotations

from lab.locale import mark
from lab.system.entity import Entity
from lab.system.model import CLIENT, Engine, Journey, Link, Request, Service, System

HEARTBEAT = "?heartbeat=5"
"""Seconds. A dead connection is noticed after two of them."""
TOPICS = {"shop.events": 4}
"""Events are spread over four partitions, so up to four instances of a service can share them."""
KINDS = {"rabbitmq": "amqp", "kafka": "kafka"}
SUMMARIES = {
    "amqp": mark("exchange shop.events and everybody's queues"),
    "kafka": mark("a topic for each kind of event, and everybody's place in it"),
}
TALKING = ("users", "orders", "payments", "notifications")
"""Those that tell and hear events."""


def system(*, broker: str, transport: str) -> System:
    """Events over `rabbitmq` or `kafka`, and questions over `rest` or `grpc`; what the services are told decides."""
    kind = KINDS[broker]
    return System(
        name="day6",
        services=(
            _service("gateway", mark("asks its route table who answers: the monolith or a new service")),
            Service(name="legacy", module="lab.day1_monolith.monolith", summary=mark("Monday's monolith, as it is")),
            Service(
                name="users",
                module="lab.day6_integration.users",
                env={"DATABASE_MS": "40"},
                endpoints=("http", "grpc") if transport == "grpc" else ("http",),
                summary=mark("the new home of users: a copy that repairs itself, and a cache"),
            ),
            _service("orders", mark("the new home of orders: a copy, and payments by events")),
            _service("payments", mark("pays each order once, from the wallets in the monolith")),
            _service("notifications", mark("a mail for each welcome and each order")),
            Service(
                name="mail", module="lab.neighbours.notify", role="stub", summary=mark("somebody else's mail server")
            ),
        ),
        engines=(
            Engine(name="broker", kind=kind, summary=SUMMARIES[kind], topics=TOPICS if kind == "kafka" else {}),
            Engine(name="redis", kind="redis", summary=mark("copies of users, each with a TTL")),
            Engine(name="db", kind="sql", summary=mark("one database a service")),
        ),
        links=(
            Link(source=CLIENT, target="gateway", protocol="http"),
            Link(source="gateway", target="legacy", protocol="http"),
            *(Link(source="gateway", target=name, protocol="http", wait="no") for name in ("users", "orders")),
            *(
                Link(source=name, target="legacy", protocol="http", wait="no")
                for name in ("users", "orders", "payments")
            ),
            Link(source="orders", target="users", protocol="http", wait="no")
            if transport == "rest"
            else Link(source="orders", target="users", endpoint="grpc", protocol="grpc", env="USERS_GRPC", wait="no"),
            Link(source="users", target="redis", protocol="redis", wait="started"),
            *(
                Link(source=name, target="mail", protocol="http", env="NOTIFY_URL")
                for name in ("legacy", "notifications")
            ),
            *(
                Link(source=name, target="broker", protocol=kind, suffix=HEARTBEAT if kind == "amqp" else "")
                for name in TALKING
            ),
            *(
                Link(source=name, target="db", protocol="sql", env="DATABASE_URL")
                for name in ("gateway", "legacy", *TALKING)
            ),
        ),
        journeys=JOURNEYS,
        entities=(
            Entity(name="order", states={"created": "neutral", "paid": "good", "cancelled": "neutral"}),
            Entity(name="user", states={"active": "good"}),
            Entity(name="payment", states={"approved": "good", "declined": "neutral"}),
        ),
    )


def _service(name: str, summary: str) -> Service:
    return Service(name=name, module=f"lab.day6_integration.{name}", summary=summary)


def _request(method: str, path: str, json: object = None, save: dict[str, str] | None = None) -> Request:
    business = (409,) if path.endswith("/pay") else ()  # a wallet that holds too little
    return Request(method=method, service="gateway", path=path, json=json, save=save or {}, accepts=business)


def _switch(part: str, name: str, mode: str, *, share: int = 0, fallback: bool = False) -> Journey:
    """No visitor does this: a scenario sends whoever moves the part."""
    route = {"mode": mode, "share": share, "fallback": fallback}
    return Journey(name=f"{part}-{name}", weight=0, requests=(_request("PUT", f"/routes/{part}", route),))


_PLACED = {"user_id": "{pick:user}", "amount": "{int:1000:90000}"}

JOURNEYS = (
    Journey(
        name="register",
        weight=3,
        requests=(
            _request("POST", "/users", {"email": "visitor{n}@example.uz", "name": "Visitor {n}"}, {"user": "id"}),
            _request("GET", "/users/{own:user}"),
            _request("POST", "/wallets/{own:user}/deposit", {"amount": 100_000}),
        ),
    ),
    Journey(
        name="buy",
        weight=4,
        requests=(_request("POST", "/orders", _PLACED, {"order": "id"}), _request("POST", "/orders/{own:order}/pay")),
    ),
    Journey(name="look", weight=2, requests=(_request("GET", "/orders/{pick:order}"),)),
    Journey(name="profile", weight=5, requests=(_request("GET", "/users/{pick:user}"),)),
    Journey(
        name="rename",
        weight=1,
        requests=(_request("PATCH", "/users/{pick:user}", {"name": "Visitor {n}, renamed"}),),
    ),
    Journey(
        name="checkout",
        weight=0,
        requests=(
            _request("POST", "/users", {"email": "buyer{n}@example.uz", "name": "Buyer {n}"}, {"buyer": "id"}),
            _request("POST", "/wallets/{own:buyer}/deposit", {"amount": 100_000}),
            _request("POST", "/orders", {"user_id": "{own:buyer}", "amount": 50_000, "pay": True}, {"order": "id"}),
        ),
    ),
    Journey(
        name="star",
        weight=0,
        requests=(_request("POST", "/users", {"email": "star{n}@example.uz", "name": "The star"}, {"star": "id"}),),
    ),
    Journey(name="fan", weight=0, requests=(_request("GET", "/users/{pick:star}"),)),
    *(
        _switch(part, *how)
        for part in ("users", "orders")
        for how in (("to-legacy", "legacy"), ("in-shadow", "shadow"), ("to-new", "new"))
    ),
    *(_switch(part, "by-a-third", "percent", share=33) for part in ("users", "orders")),
    *(_switch(part, "to-new-or-legacy", "new", fallback=True) for part in ("users", "orders")),
)
