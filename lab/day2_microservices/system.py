"""Tuesday's system: services in place of modules, a gateway before them, and what its visitors do."""

from __future__ import annotations

from collections.abc import Sequence

from lab.locale import mark
from lab.system.entity import Entity
from lab.system.model import CLIENT, Engine, Journey, Link, Request, Service, System

HEARTBEAT = "?heartbeat=5"
"""Seconds. A dead connection is noticed after two of them."""


def system(*, transport: str, compose: str, contract: str) -> System:
    broker = Engine(name="broker", kind="amqp", summary=mark("carries questions to users, and answers back"))
    return System(
        name="day2",
        services=(
            _service("gateway", mark("passes requests on, and composes pages"), COMPOSE=compose),
            Service(
                name="users",
                module="lab.day2_microservices.users",
                env={"CONTRACT": contract},
                endpoints=("http", "grpc") if transport == "grpc" else ("http",),
                replicas=2,
                summary=mark("knows who is registered"),
            ),
            _service("orders", mark("orders and wallets; asks users who is registered")),
        ),
        engines=(
            Engine(name="db", kind="sql", summary=mark("one database a service")),
            *((broker,) if transport == "broker" else ()),
        ),
        links=(
            Link(source=CLIENT, target="gateway", protocol="http"),
            Link(source="gateway", target="users", protocol="http", env="USERS_URL", wait="no"),
            Link(source="gateway", target="orders", protocol="http", env="ORDERS_URL", wait="no"),
            *_asking(transport),
            *(Link(source=name, target="db", protocol="sql", env="DATABASE_URL") for name in ("users", "orders")),
        ),
        journeys=JOURNEYS,
        entities=(
            Entity(name="user", states={"active": "good"}),
            Entity(name="order", states={"created": "neutral", "paid": "good", "cancelled": "neutral"}),
        ),
    )


def _asking(transport: str) -> Sequence[Link]:
    """How orders reaches users."""
    if transport == "broker":
        return [
            Link(source=name, target="broker", protocol="amqp", env="AMQP_URL", suffix=HEARTBEAT)
            for name in ("orders", "users")
        ]
    if transport == "grpc":
        return [
            Link(source="orders", target="users", endpoint="grpc", protocol="grpc", env="USERS_GRPC", wait="no"),
        ]
    return [Link(source="orders", target="users", protocol="http", env="USERS_URL", wait="no")]


def _service(name: str, summary: str, **env: str) -> Service:
    return Service(name=name, module=f"lab.day2_microservices.{name}", env=env, summary=summary)


def _request(method: str, path: str, json: object = None, save: dict[str, str] | None = None) -> Request:
    business = (409,) if path.endswith("/pay") else ()  # a wallet that holds too little
    return Request(method=method, service="gateway", path=path, json=json, save=save or {}, accepts=business)


PLACED = {"user_id": "{pick:user}", "amount": "{int:1000:90000}"}

JOURNEYS = (
    Journey(
        name="register",
        weight=2,
        requests=(
            _request("POST", "/users", {"email": "visitor{n}@example.uz", "name": "Visitor {n}"}, {"user": "id"}),
            _request("POST", "/wallets/{own:user}/deposit", {"amount": 100_000}),
        ),
    ),
    Journey(
        name="buy",
        weight=4,
        requests=(_request("POST", "/orders", PLACED, {"order": "id"}), _request("POST", "/orders/{own:order}/pay")),
    ),
    Journey(name="look", weight=3, requests=(_request("GET", "/orders/{pick:order}"),)),
    Journey(name="page", weight=3, requests=(_request("GET", "/pages/users/{pick:user}"),)),
    Journey(name="overview", weight=1, requests=(_request("GET", "/pages/orders"),)),
    Journey(
        name="rename",
        weight=1,
        requests=(_request("PATCH", "/users/{pick:user}", {"name": "Visitor {n}, renamed"}),),
    ),
    Journey(
        name="change-mind",
        weight=1,
        requests=(
            _request("POST", "/orders", PLACED, {"order": "id"}),
            _request("POST", "/orders/{own:order}/cancel"),
            _request("GET", "/orders/{own:order}"),
        ),
    ),
    Journey(name="overviews", weight=0, requests=(_request("GET", "/pages/orders"),)),
)
