"""Saturday's system: Monday's monolith behind a gateway, the new home of users, and what visitors do meanwhile."""

from __future__ import annotations

from lab.locale import mark
from lab.system.entity import Entity
from lab.system.model import CLIENT, Engine, Journey, Link, Request, Service, System


def _request(method: str, path: str, json: object = None, save: dict[str, str] | None = None) -> Request:
    business = (409,) if path.endswith("/pay") else ()  # a wallet that holds too little
    return Request(method=method, service="gateway", path=path, json=json, save=save or {}, accepts=business)


def _switch(name: str, mode: str, share: int = 0) -> Journey:
    """No visitor does this: a scenario sends whoever moves users."""
    return Journey(name=name, weight=0, requests=(_request("PUT", "/routes/users", {"mode": mode, "share": share}),))


PLACED = {"user_id": "{pick:user}", "amount": "{int:1000:90000}"}

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
        requests=(_request("POST", "/orders", PLACED, {"order": "id"}), _request("POST", "/orders/{own:order}/pay")),
    ),
    Journey(name="look", weight=2, requests=(_request("GET", "/orders/{pick:order}"),)),
    Journey(name="profile", weight=5, requests=(_request("GET", "/users/{pick:user}"),)),
    Journey(
        name="rename",
        weight=1,
        requests=(_request("PATCH", "/users/{pick:user}", {"name": "Visitor {n}, renamed"}),),
    ),
    _switch("users-to-legacy", "legacy"),
    _switch("users-in-shadow", "shadow"),
    _switch("users-by-a-third", "percent", 33),
    _switch("users-to-new", "new"),
)

SYSTEM = System(
    name="day6",
    services=(
        Service(
            name="gateway",
            module="lab.day6_integration.gateway",
            summary=mark("asks its route table who answers: the monolith or a new service"),
        ),
        Service(name="legacy", module="lab.day1_monolith.monolith", summary=mark("Monday's monolith, as it is")),
        Service(
            name="users",
            module="lab.day6_integration.users",
            summary=mark("the new home of users: a copy that repairs itself"),
        ),
        Service(name="mail", module="lab.neighbours.notify", role="stub", summary=mark("somebody else's mail server")),
    ),
    engines=(Engine(name="db", kind="sql", summary=mark("one database a service")),),
    links=(
        Link(source=CLIENT, target="gateway", protocol="http"),
        Link(source="gateway", target="legacy", protocol="http", env="LEGACY_URL", wait="no"),
        Link(source="gateway", target="users", protocol="http", env="USERS_URL", wait="no"),
        Link(source="users", target="legacy", protocol="http", env="LEGACY_URL", wait="no"),
        Link(source="legacy", target="mail", protocol="http", env="NOTIFY_URL"),
        *(
            Link(source=name, target="db", protocol="sql", env="DATABASE_URL")
            for name in ("gateway", "legacy", "users")
        ),
    ),
    journeys=JOURNEYS,
    entities=(
        Entity(name="user", states={"active": "good"}),
        Entity(name="order", states={"created": "neutral", "paid": "good", "cancelled": "neutral"}),
    ),
)
