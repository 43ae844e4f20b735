"""A system in a TOML file: what it becomes, and how its mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.system.entity import Entity
from lab.system.model import Engine, Link, Request, Service
from lab.system.toml import load
from lab.system.validate import InvalidSystem

GOOD = """
title = "My shop"

[service.orders]
run = "python -m orders --workers 1"
dir = "orders"
ready = "/readyz"
env = { LOG_LEVEL = "debug", WORKERS = 2 }
endpoints = ["http", "admin"]

[service.users]
run = ["node", "server.js"]

[service.clicks]
run = ["node", "server.js"]
replicas = 3
memory = 512
output = 5
start = "on-request"

[service.mail]
address = "127.0.0.1:4711"
role = "stub"

[engine.redis]
kind = "redis"
restart = "never"

[engine.log]
kind = "kafka"
topics = { "shop.events" = 6, mail = 1 }

[[link]]
from = "client"
to = "orders"

[[link]]
from = "orders"
to = "redis"
suffix = "/0"

[[link]]
from = "client"
to = "orders:admin"
protocol = "tcp"

[entity.order]
pending = "going-on"
paid = "good"

[[journey]]
name = "order"
requests = [
  { method = "post", service = "orders", path = "/orders", json = { qty = 1 }, save = { order = "id" } },
  { service = "orders", path = "/orders/{pick:order}" },
]
"""


def write(folder: Path, text: str) -> Path:
    (folder / "orders").mkdir(exist_ok=True)
    path = folder / "my-shop.toml"
    path.write_text(text)
    return path


def refused(folder: Path, text: str) -> str:
    with pytest.raises(InvalidSystem) as caught:
        load(write(folder, text))
    return str(caught.value)


def test_a_file_becomes_a_system(tmp_path: Path) -> None:
    system = load(write(tmp_path, GOOD))
    orders, users, clicks, mail = system.services
    assert (system.name, system.title) == ("my-shop", "My shop")
    assert orders.command == ("python", "-m", "orders", "--workers", "1")
    assert orders.dir == str(tmp_path.resolve() / "orders")
    assert orders.env == {"LOG_LEVEL": "debug", "WORKERS": "2"}
    assert (users.command, users.ready, users.dir) == (("node", "server.js"), "tcp", str(tmp_path.resolve()))
    assert (clicks.replicas, clicks.start) == (3, "on-request")
    assert clicks.instances == ("clicks-1", "clicks-2", "clicks-3")
    assert (users.instances, clicks.memory, clicks.output) == (("users",), 512, 5)
    assert (orders.endpoints, mail.endpoints) == (("http", "admin"), ("http",))
    assert orders.port_variables == {"http": "PORT", "admin": "ADMIN_PORT"}
    assert [link.id for link in system.links] == ["client->orders", "orders->redis", "client->orders:admin"]
    assert (system.links[2].protocol, system.links[2].variable) == ("tcp", "ORDERS_ADMIN_URL")
    assert system.entities == (Entity(name="order", states={"pending": "going-on", "paid": "good"}),)
    assert mail == Service(name="mail", address="127.0.0.1:4711", role="stub", ready="tcp")
    assert system.engines == (
        Engine(name="redis", kind="redis", restart="never"),
        Engine(name="log", kind="kafka", topics={"shop.events": 6, "mail": 1}),
    )
    assert system.links[1] == Link(source="orders", target="redis", protocol="redis", suffix="/0")
    assert system.links[1].variable == "REDIS_URL"
    assert system.journeys[0].requests[0] == Request(
        method="POST", service="orders", path="/orders", json={"qty": 1}, save={"order": "id"}
    )


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        (
            'ready = "/readyz"',
            'redy = "/readyz"',
            'my-shop.toml: [service.orders] redy: no such key; did you mean "ready"?',
        ),
        ('dir = "orders"', "dir = 3", "my-shop.toml: [service.orders] dir: expected a string, got a whole number"),
        ('dir = "orders"', 'dir = "gone"', "my-shop.toml: [service.orders] dir: there is no folder"),
        ("mail = 1", "mail = 0", "my-shop.toml: [engine.log] topics: mail has 1 to 100 partitions, not 0"),
        ("mail = 1", "mail = true", "my-shop.toml: [engine.log] topics: mail has 1 to 100 partitions, not True"),
        ("mail = 1", '"my mail" = 1', "my-shop.toml: [engine.log] topics: 'my mail' is not the name of a topic"),
        ('restart = "never"', "topics = { a = 1 }", "[engine.redis] topics: an engine of the kind redis has no topics"),
        ('kind = "redis"', "", "my-shop.toml: [engine.redis] kind: missing"),
        ('kind = "redis"', 'kind = "rediss"', "my-shop.toml: [engine.redis] kind: 'rediss' is none of"),
        ('from = "orders"', 'from = "order"', '[[link]] 2 from: no service is named "order"; did you mean "orders"?'),
        ('run = ["node", "server.js"]', "", "[service.users] run: say how users is started"),
        ('run = ["node", "server.js"]', 'run = "node \'x"', "[service.users] run: no closing quotation"),
        ("[[journey]]", "[journey]", "journey: expected a list of tables, got a table"),
        ("{pick:order}", "{pick:ordr}", '[[journey]] 1 requests 2: nothing saves into the pool "ordr"'),
        ("[[journey]]", "[[journey]", "my-shop.toml: "),
        ('to = "orders:admin"', 'to = "orders:admn"', '[[link]] 3 to: "orders" has no endpoint "admn"; did you mean'),
        ('endpoints = ["http", "admin"]', "endpoints = 3", "[service.orders] endpoints: expected a list of strings"),
        ('paid = "good"', 'paid = "fine"', "[entity.order] paid: 'fine' is none of good, bad"),
        ('suffix = "/0"', 'suffix = "/0"\nwait = "redy"', "[[link]] 2 wait: 'redy' is none of ready, started, no"),
    ],
)
def test_mistakes_name_file_table_and_key(tmp_path: Path, good: str, bad: str, said: str) -> None:
    assert said in refused(tmp_path, GOOD.replace(good, bad, 1))


def test_a_circle_is_named(tmp_path: Path) -> None:
    circle = GOOD + '\n[[link]]\nfrom="orders"\nto="users"\n[[link]]\nfrom="users"\nto="orders"\n'
    assert "orders -> users -> orders" in refused(tmp_path, circle)
