from __future__ import annotations

from dataclasses import replace

import pytest

from lab.faults.aim import aimed
from lab.faults.text import FaultError, parse
from lab.system.model import Engine, Link, Service, System

SYSTEM = System(
    name="shop",
    services=(Service(name="orders", module="orders"), Service(name="payments", module="payments")),
    engines=(Engine(name="broker", kind="amqp"),),
    links=(
        Link(source="orders", target="payments", protocol="http"),
        Link(source="payments", target="broker", protocol="amqp"),
    ),
)


ENDPOINTS = System(
    name="shop",
    services=(
        Service(name="orders", module="orders", endpoints=("http", "grpc")),
        Service(name="users", module="users", endpoints=("http", "grpc", "admin")),
    ),
    links=(
        Link(source="orders", target="users", protocol="http"),
        Link(source="orders", target="users", protocol="tcp", endpoint="grpc"),
        Link(source="users", target="orders", protocol="tcp", endpoint="grpc"),
    ),
)


@pytest.mark.parametrize(
    "text",
    [
        "latency orders->payments",
        "partition payments:orders",
        "lose-ack payments:broker",
        "kill broker",
        "freeze orders",
    ],
)
def test_a_target_that_is_there(text: str) -> None:
    assert aimed(parse(text), SYSTEM) == parse(text)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("latency orders:users", "orders->users"),
        ("latency orders->users:http", "orders->users"),
        ("latency orders:users:grpc", "orders->users:grpc"),
        ("latency users:orders", "users->orders:grpc"),
        ("partition orders:users", "orders<->users"),
    ],
)
def test_a_link_is_called_by_its_endpoint_where_there_is_more_than_one(text: str, target: str) -> None:
    assert aimed(parse(text), ENDPOINTS).target == target


def test_a_name_that_fits_several_links_is_refused() -> None:
    links = tuple(Link(source="orders", target="users", protocol="tcp", endpoint=name) for name in ("grpc", "admin"))
    with pytest.raises(FaultError, match="orders->users is several links: orders->users:grpc, orders->users:admin"):
        aimed(parse("latency orders:users"), replace(ENDPOINTS, links=links))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("latency orders->paymants", 'did you mean "orders->payments"'),
        ("latency payments->orders", "there is no link payments->orders"),
        ("lose-ack orders->payments", "lose-ack is for amqp, and orders->payments speaks http"),
        ("partition orders:broker", "no link between orders and broker"),
        ("kill brokr", 'did you mean "broker"'),
    ],
)
def test_a_target_that_is_not(text: str, says: str) -> None:
    with pytest.raises(FaultError) as caught:
        aimed(parse(text), SYSTEM)
    assert says in str(caught.value)
