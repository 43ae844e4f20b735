"""Monday's system: the shop in one shape or in both, and what its visitors do."""

from __future__ import annotations

from collections.abc import Sequence

from lab.locale import mark
from lab.system.entity import Entity
from lab.system.model import CLIENT, Engine, Journey, Link, Request, Service, System

SUMMARIES = {
    "monolith": mark("the shop as one module: every route sees every table"),
    "modular": mark("the shop as modules with walls: each has a public face and its own tables, events between them"),
}

SIDE_BY_SIDE = ("shapes", "endpoints", "flows", "entities", "processes", "logs", "faults", "notes")
"""The panels where there are two shapes to compare."""


def system(*, shape: str, naive: bool) -> System:
    """`monolith` or `modular` alone is called `shop`; of `both` each is called after its shape."""
    shops = {kind: kind for kind in SUMMARIES} if shape == "both" else {"shop": shape}
    return System(
        name="day1",
        services=(
            *(_shop(name, kind, naive=naive) for name, kind in shops.items()),
            Service(
                name="mail", module="lab.neighbours.notify", role="stub", summary=mark("somebody else's mail server")
            ),
        ),
        engines=(Engine(name="db", kind="sql", summary=mark("one database a service")),),
        links=tuple(link for name in shops for link in _links(name)),
        panels=SIDE_BY_SIDE if shape == "both" else (),
        journeys=tuple(journey for name in shops for journey in _journeys(name, "" if len(shops) == 1 else f"-{name}")),
        entities=(
            Entity(name="user", states={"active": "good"}),
            Entity(name="order", states={"created": "neutral", "paid": "good", "cancelled": "neutral"}),
        ),
    )


def _shop(name: str, kind: str, *, naive: bool) -> Service:
    env = {"NAIVE": "1"} if naive else {}
    return Service(name=name, module=f"lab.day1_monolith.{kind}", env=env, summary=SUMMARIES[kind])


def _links(shop: str) -> Sequence[Link]:
    return (
        Link(source=CLIENT, target=shop, protocol="http"),
        Link(source=shop, target="mail", protocol="http", env="NOTIFY_URL"),
        Link(source=shop, target="db", protocol="sql", env="DATABASE_URL"),
    )


def _journeys(shop: str, of: str) -> Sequence[Journey]:
    """Pools and journeys of each shop are its own: `of` is what their names end in."""

    def request(method: str, path: str, json: object = None, save: dict[str, str] | None = None) -> Request:
        business = (409,) if path.endswith("/pay") else ()  # a wallet that holds too little
        return Request(method=method, service=shop, path=path, json=json, save=save or {}, accepts=business)

    user, team, order = f"user{of}", f"team{of}", f"order{of}"
    placed = {"user_id": f"{{pick:{user}}}", "amount": "{int:1000:90000}"}
    paid_by_team = {"user_id": f"{{pick:{team}}}", "amount": 1000}
    person = {"email": f"visitor{{n}}{of}@example.uz", "name": "Visitor {n}"}
    return (
        Journey(
            name=f"register{of}",
            weight=3,
            requests=(
                request("POST", "/users", person, {user: "id"}),
                request("POST", f"/wallets/{{own:{user}}}/deposit", {"amount": 100_000}),
            ),
        ),
        Journey(
            name=f"buy{of}",
            weight=4,
            requests=(
                request("POST", "/orders", placed, {order: "id"}),
                request("POST", f"/orders/{{own:{order}}}/pay"),
            ),
        ),
        Journey(name=f"look{of}", weight=3, requests=(request("GET", f"/orders/{{pick:{order}}}"),)),
        Journey(
            name=f"rename{of}",
            weight=1,
            requests=(request("PATCH", f"/users/{{pick:{user}}}", {"name": "Visitor {n}, renamed"}),),
        ),
        Journey(
            name=f"change-mind{of}",
            weight=1,
            requests=(
                request("POST", "/orders", placed, {order: "id"}),
                request("POST", f"/orders/{{own:{order}}}/cancel"),
                request("GET", f"/orders/{{own:{order}}}"),
            ),
        ),
        Journey(
            name=f"team{of}",
            weight=0,
            requests=(
                request("POST", "/users", {"email": f"team{{n}}{of}@example.uz", "name": "A team"}, {team: "id"}),
                request("POST", f"/wallets/{{own:{team}}}/deposit", {"amount": 1_000_000}),
            ),
        ),
        Journey(
            name=f"team-pays{of}",
            weight=0,
            requests=(
                request("POST", "/orders", paid_by_team, {order: "id"}),
                request("POST", f"/orders/{{own:{order}}}/pay"),
            ),
        ),
        Journey(name=f"report{of}", weight=0, requests=(request("GET", "/report"),)),
    )
