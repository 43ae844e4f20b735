"""The URLs that services are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.engines.recipe import Recipe
from lab.runtime.wiring import Wiring
from lab.system.model import Engine, Link, Service, System

LAUNCHES = {
    "amqp": Recipe(tier="embedded", title="", url="amqp://guest:guest@{address}", port=1),
    "cloud": Recipe(tier="url", title="", url="amqp://me:secret@{address}/v?a=1", host="box", port=1),
    "redis": Recipe(tier="embedded", title="", url="redis://{address}", port=1),
    "file": Recipe(tier="embedded", title="", url="sqlite:////data/{user}/{user}.db"),
    "postgres": Recipe(tier="native", title="", url="postgresql+psycopg://lab@{address}/{user}", port=1),
}


@pytest.mark.parametrize(
    ("target", "protocol", "suffix", "url"),
    [
        ("amqp", "amqp", "", "amqp://guest:guest@127.0.0.1:9000"),
        ("amqp", "amqp", "?heartbeat=5", "amqp://guest:guest@127.0.0.1:9000?heartbeat=5"),
        ("amqp", "amqp", "/%2F?heartbeat=5", "amqp://guest:guest@127.0.0.1:9000/%2F?heartbeat=5"),
        ("cloud", "amqp", "/%2F?heartbeat=5", "amqp://me:secret@127.0.0.1:9000/v?a=1&heartbeat=5"),
        ("redis", "redis", "/0", "redis://127.0.0.1:9000/0"),
        ("file", "sql", "", "sqlite:////data/user-one/user-one.db"),
        ("postgres", "sql", "", "postgresql+psycopg://lab@127.0.0.1:9000/user_one"),
        ("other", "http", "", "http://127.0.0.1:9000"),
        ("other", "http", "/api", "http://127.0.0.1:9000/api"),
        ("other", "tcp", "", "tcp://127.0.0.1:9000"),
    ],
)
def test_a_consumer_is_told_the_tap_in_the_providers_url(target: str, protocol: str, suffix: str, url: str) -> None:
    link = Link(source="user-one", target=target, protocol=protocol, suffix=suffix)
    system = System(
        name="toy",
        services=(Service(name="user-one", module="x"), Service(name="other", module="y")),
        engines=tuple(Engine(name=name, kind="redis") for name in LAUNCHES),
        links=(link,),
    )
    taps = {} if target == "file" else {(link.id, "user-one"): 9000}
    wiring = Wiring(system, Path("/run"), LAUNCHES, {"user-one": {"http": 1}, "other": {"http": 2}}, taps)
    assert wiring.url(link) == url


@pytest.mark.parametrize("endpoints", [("", "admin"), ("admin", ""), ("http", "admin"), ("admin", "http")])
def test_visitors_go_to_the_usual_endpoint_if_they_reach_several(endpoints: tuple[str, str]) -> None:
    links = tuple(Link(source="client", target="shop", protocol="http", endpoint=endpoint) for endpoint in endpoints)
    system = System(name="toy", services=(Service(name="shop", module="x", endpoints=("http", "admin")),), links=links)
    taps = {(link.id, "client"): 9000 + (link.endpoint == "admin") for link in links}
    wiring = Wiring(system, Path("/run"), {}, {"shop": {"http": 1, "admin": 2}}, taps)
    assert wiring.client_urls() == {"shop": "http://127.0.0.1:9000"}


def test_visitors_go_to_another_endpoint_if_they_reach_only_that() -> None:
    link = Link(source="client", target="shop", protocol="http", endpoint="admin")
    system = System(
        name="toy", services=(Service(name="shop", module="x", endpoints=("http", "admin")),), links=(link,)
    )
    wiring = Wiring(system, Path("/run"), {}, {"shop": {"http": 1, "admin": 2}}, {(link.id, "client"): 9001})
    assert wiring.client_urls() == {"shop": "http://127.0.0.1:9001"}
