"""Friday's system: a chain that a page cannot do without, two neighbours that it can, and what visitors do."""

from __future__ import annotations

from lab.locale import mark
from lab.system.entity import Entity
from lab.system.model import CLIENT, Engine, Journey, Link, Request, Service, System


def system(*, without: tuple[str, ...]) -> System:
    env = {"WITHOUT": ",".join(without)} if without else {}
    return System(
        name="day5",
        services=(
            Service(
                name="gateway",
                module="lab.day5_resilience.gateway",
                env=env,
                summary=mark("makes pages, and decides what they can do without"),
            ),
            Service(
                name="orders",
                module="lab.day5_resilience.orders",
                env=env,
                summary=mark("takes orders; asks users who the customer is"),
            ),
            Service(name="users", module="lab.day5_resilience.users", summary=mark("knows who is registered")),
            Service(
                name="jobs",
                module="lab.day5_resilience.jobs",
                env=env,
                replicas=2,
                summary=mark("makes reports while nobody waits, each once"),
            ),
            Service(
                name="reco",
                module="lab.neighbours.reco",
                role="stub",
                summary=mark("somebody else's recommendations, which a page can do without"),
            ),
            Service(
                name="report", module="lab.neighbours.report", role="stub", summary=mark("somebody else's slow reports")
            ),
        ),
        engines=(Engine(name="db", kind="sql", summary=mark("one database a service")),),
        links=(
            Link(source=CLIENT, target="gateway", protocol="http"),
            *(
                Link(source="gateway", target=name, protocol="http", wait="no")
                for name in ("users", "orders", "jobs", "reco", "report")
            ),
            Link(source="orders", target="users", protocol="http", wait="no"),
            Link(source="jobs", target="report", protocol="http", wait="no"),
            *(
                Link(source=name, target="db", protocol="sql", env="DATABASE_URL")
                for name in ("users", "orders", "jobs")
            ),
        ),
        journeys=(
            _journey("register", 2, "POST", "/users", _PERSON, {"user": "id"}),
            _journey("buy", 3, "POST", "/orders", _ORDER, {"order": "id"}),
            _journey("home", 6, "GET", "/home/{pick:user}"),
            _journey("look", 2, "GET", "/orders/{pick:order}"),
            _journey("report", 0, "GET", "/report"),
            _journey("export", 1, "POST", "/reports", {"user_id": "{pick:user}"}, {"job": "job_id"}),
            _journey("track", 1, "GET", "/jobs/{pick:job}"),
        ),
        entities=(
            Entity(name="user", states={"active": "good"}),
            Entity(name="order", states={"created": "good"}),
            Entity(
                name="job",
                states={"queued": "going-on", "running": "going-on", "succeeded": "good", "failed": "bad"},
            ),
        ),
    )


_PERSON = {"email": "visitor{n}@example.uz", "name": "Visitor {n}"}
_ORDER = {"user_id": "{pick:user}", "amount": "{int:1000:90000}"}


def _journey(
    name: str, weight: float, method: str, path: str, json: object = None, save: dict[str, str] | None = None
) -> Journey:
    request = Request(method=method, service="gateway", path=path, json=json, save=save or {})
    return Journey(name=name, weight=weight, requests=(request,))
