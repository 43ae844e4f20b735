"""A wrong declaration is refused with its exact place and a way out."""

from __future__ import annotations

from typing import Any

import pytest

from lab.system.entity import Entity
from lab.system.model import Engine, Journey, Link, Request, Service, System
from lab.system.order import start_order, waiting_cycle
from lab.system.validate import InvalidSystem, validate


def service(name: str, **more: Any) -> Service:
    return Service(name=name, **{"module": f"shop.{name}", **more})


def elsewhere(address: str, **more: Any) -> Service:
    return Service(name="a", address=address, **more)


def link(source: str, target: str, protocol: Any = "http", **more: Any) -> Link:
    return Link(source=source, target=target, protocol=protocol, **more)


def shop(**more: Any) -> System:
    parts: dict[str, Any] = {
        "name": "shop",
        "services": (service("users"), service("orders"), service("payments")),
        "engines": (Engine(name="broker", kind="amqp"), Engine(name="db", kind="sql")),
        "links": (
            link("client", "orders"),
            link("orders", "users"),
            link("orders", "payments"),
            link("orders", "broker", "amqp", env="AMQP_URL", suffix="?heartbeat=5"),
            link("orders", "db", "sql"),
        ),
        "journeys": (Journey(name="order", requests=(Request(method="POST", service="orders", path="/orders"),)),),
    }
    return System(**{**parts, **more})


def problems(system: System) -> list[str]:
    with pytest.raises(InvalidSystem) as caught:
        validate(system)
    return list(caught.value.problems)


def test_a_right_system_is_accepted() -> None:
    validate(shop())


def test_an_unknown_link_end_is_named_with_the_close_match() -> None:
    system = shop(links=(link("client", "orders"), link("orders", "users"), link("orders", "paymants")))
    assert problems(system) == ['links[2].target: no service or engine is named "paymants"; did you mean "payments"?']


def test_every_problem_is_listed_at_once() -> None:
    system = shop(services=(service("users"), service("users"), service("orders", ready="soon"), service("payments")))
    assert problems(system) == [
        'services[1].name: "users" is taken already by services[0]',
        'services[2].ready: \'soon\' is not a way to be ready; use an HTTP path ("/readyz"), "tcp" or "started"',
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": "My Shop"}, "name: 'My Shop' is not a name"),
        ({"services": (service("client"),), "links": (), "journeys": ()}, 'services[0].name: "client" is taken'),
        (
            {"services": (Service(name="a"),), "links": (), "journeys": ()},
            "services[0]: exactly one of module, command",
        ),
        ({"services": (service("a", restart="alway"),), "links": (), "journeys": ()}, 'did you mean "always"?'),
        ({"services": (service("a", env={"A-B": "1"}),), "links": (), "journeys": ()}, "services[0].env: 'A-B'"),
        ({"engines": (Engine(name="broker", kind="mongo"),), "links": ()}, "engines[0].kind: 'mongo' is none of"),
        ({"links": (link("broker", "orders"),), "journeys": ()}, 'links[0].source: "broker" is an engine'),
        ({"links": (link("orders", "orders"),), "journeys": ()}, 'links[0]: "orders" is linked to itself'),
        ({"links": (link("orders", "broker", "redis"),), "journeys": ()}, "amqp engine and does not speak redis"),
        ({"links": (link("orders", "users"),) * 2, "journeys": ()}, "orders->users is declared already by links[0]"),
        (
            {"links": (link("orders", "users", env="URL"), link("orders", "payments", env="URL")), "journeys": ()},
            "links[1].env: orders gets URL already from links[0]",
        ),
        ({"links": (link("orders", "users", env="PORT"),), "journeys": ()}, "PORT is set by the lab itself"),
        ({"links": ()}, "visitors cannot reach orders: there is no link client -> it"),
        (
            {
                "journeys": (
                    Journey(
                        name="j",
                        requests=(
                            Request(method="POST", service="orders", path="/o", json={"u": "{pick:usr}"}),
                            Request(method="POST", service="orders", path="/o", save={"user": "id"}),
                        ),
                    ),
                )
            },
            'journeys[0].requests[0]: nothing saves into the pool "usr"; did you mean "user"?',
        ),
        (
            {"services": (service("a", address="h:1"),), "links": (), "journeys": ()},
            "exactly one of module, command and",
        ),
        ({"services": (elsewhere("h"),), "links": (), "journeys": ()}, "services[0].address: 'h' is not an address"),
        ({"services": (elsewhere("h:0"),), "links": (), "journeys": ()}, "services[0].address: 'h:0' is not an"),
        (
            {"services": (elsewhere("h:1", restart="never"),), "links": (), "journeys": ()},
            "services[0].restart: a has an address, so it is not the lab that starts it",
        ),
        (
            {"services": (elsewhere("h:1", ready="started"),), "links": (), "journeys": ()},
            "services[0].ready: a is not",
        ),
        (
            {"services": (elsewhere("h:1", endpoints=("http", "grpc")),), "links": (), "journeys": ()},
            "services[0].endpoints: a has one address, so it has one endpoint",
        ),
        (
            {"services": (service("a", endpoints=("grpc",)),), "links": (), "journeys": ()},
            'services[0].ready: a has no endpoint http; use "tcp" or "started"',
        ),
        ({"services": (service("a", endpoints=()),), "links": (), "journeys": ()}, "services[0].endpoints: a listens"),
        (
            {"services": (service("a", endpoints=("http", "http")),), "links": (), "journeys": ()},
            "services[0].endpoints: a name stands there twice",
        ),
        (
            {"links": (link("orders", "users", endpoint="grp"),), "journeys": ()},
            'links[0].endpoint: "users" has no endpoint "grp"; there are http',
        ),
        (
            {"links": (link("orders", "broker", "amqp", endpoint="http"),), "journeys": ()},
            'links[0].endpoint: "broker" has no endpoint "http"',
        ),
        ({"services": (service("a", memory=0),), "links": (), "journeys": ()}, "services[0].memory: 0 is not above 0"),
        ({"services": (service("a", start="later"),), "links": (), "journeys": ()}, "services[0].start: 'later' is"),
        (
            {"services": (service("a", replicas=0),), "links": (), "journeys": ()},
            "services[0].replicas: 0 is not above",
        ),
        (
            {"services": (service("a", replicas=2), service("a-2")), "links": (), "journeys": ()},
            'services[0].replicas: "a-2" would be two: an instance and something else',
        ),
        (
            {"services": (service("a", replicas=2, env={"PORT": "80"}),), "links": (), "journeys": ()},
            "services[0].replicas: they cannot all have the PORT of env",
        ),
        (
            {"services": (elsewhere("h:1", replicas=2),), "links": (), "journeys": ()},
            "services[0].replicas: a has an address, so it is not the lab that starts it",
        ),
        ({"engines": (Engine(name="broker", kind="amqp", restart="no"),), "links": ()}, "engines[0].restart: 'no' is"),  # type: ignore[arg-type]
        (
            {"entities": (Entity(name="order", states={"paid": "god"}),)},  # type: ignore[dict-item]
            "entities[0].paid: 'god' is none of good, bad, neutral, going-on",
        ),
        ({"entities": (Entity(name="order", states={}),) * 2}, 'entities[1].name: "order" stands there twice'),
        ({"scenarios": "scenarios"}, "scenarios: 'scenarios' is not an absolute path"),
    ],
)
def test_what_is_wrong_is_said_in_place(change: dict[str, Any], problem: str) -> None:
    assert any(problem in said for said in problems(shop(**change))), problems(shop(**change))


def test_a_circle_of_readiness_is_named() -> None:
    system = shop(links=(link("client", "orders"), link("orders", "payments"), link("payments", "orders")))
    (problem,) = problems(system)
    assert "orders -> payments -> orders" in problem
    assert 'wait="no"' in problem


def test_a_link_that_does_not_wait_breaks_the_circle() -> None:
    validate(shop(links=(link("client", "orders"), link("orders", "payments"), link("payments", "orders", wait="no"))))


def test_waves_put_providers_first() -> None:
    assert start_order(shop()) == [["broker", "db", "users", "payments"], ["orders"]]


def test_waves_of_a_circle_are_refused() -> None:
    system = shop(links=(link("orders", "payments"), link("payments", "orders")))
    assert waiting_cycle(system) == ["orders", "payments", "orders"]
    with pytest.raises(ValueError, match="orders -> payments -> orders"):
        start_order(system)
