from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lab.faults.aim import aimed
from lab.faults.catalogue import KINDS
from lab.faults.text import FaultError, parse
from lab.system.kinds import protocols
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


@pytest.mark.parametrize("kind", ["redeliver", "reorder", "lose-ack"])
def test_what_kafka_cannot_do_is_refused_with_what_it_can(kind: str) -> None:
    """A partition is read in order and from where its group has come to: nothing else makes a record come again."""
    engine = Engine(name="log", kind="kafka")
    link = Link(source="payments", target="log", protocol="kafka")
    system = replace(SYSTEM, engines=(engine,), links=(link,))
    with pytest.raises(FaultError, match=r"there you have .*lose-confirm.*poison, lose-commit, rebalance"):
        aimed(parse(f"{kind} payments:log"), system)
    assert aimed(parse('poison payments:log on "fetch shop.*"'), system).target == "payments->log"
    with pytest.raises(FaultError, match=r'write it like "commit \*"'):
        aimed(parse('lose-commit payments:log on "ack *"'), system)


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


PATTERNS = System(
    name="shop",
    services=(Service(name="orders", module="orders"), Service(name="payments", module="payments")),
    engines=tuple(Engine(name=name, kind=name) for name in ("redis", "amqp", "sql")),
    links=(
        Link(source="orders", target="payments", protocol="http"),
        *(Link(source="orders", target=name, protocol=name) for name in ("redis", "amqp", "sql")),
    ),
)


@pytest.mark.parametrize(
    ("kind", "target", "pattern"),
    [
        *(("latency", "payments", one) for one in ("*", "POST", "P*", "GET /orders*", "*orders*", "POST *", "[GP]*")),
        *(("latency", "payments", one) for one in ("OPTIONS *", "CONNECT users:8000", "M-SEARCH *", "bytes")),
        *(("latency", "redis", one) for one in ("GET user:*", "GET /path", "*EXPIRE*", "JSON.SET *", "CLIENT INFO")),
        *(("latency", "amqp", one) for one in ("publish order.*", "ack", "deliver payments.*", "*mail", "open /")),
        *(("latency", "sql", one) for one in ("*", "bytes", "byte?")),
        *(("lose-ack", "amqp", one) for one in ("ack", "ack mail", "a*", "*", "*mail", "? *")),
        ("poison", "amqp", "get mail"),
    ],
)
def test_a_pattern_that_something_may_match(kind: str, target: str, pattern: str) -> None:
    fault = parse(f'{kind} orders:{target} on "{pattern}"')
    assert aimed(fault, PATTERNS) == fault


@pytest.mark.parametrize(
    ("kind", "target", "pattern", "way"),
    [
        *(("latency", "payments", one, '"POST /orders*"') for one in ("publish order.*", "ack", "/orders*", "post *")),
        *(("status", "payments", one, '"POST /orders*"') for one in ("GET user:*", "GET orders", "deliver*")),
        *(
            ("latency", "redis", one, '"GET user:*"')
            for one in ("POST /orders*", "publish order.*", "get user:*", "/a*")
        ),
        *(("latency", "amqp", one, '"publish order.*"') for one in ("POST /orders*", "GET user:*", "/orders")),
        *(("latency", "sql", one, "leave the pattern out") for one in ("SELECT *", "POST /orders*")),
        ("lose-ack", "amqp", "deliver mail", '"ack *"'),
        ("lose-confirm", "amqp", "publish order.*", '"confirm *"'),
        ("poison", "amqp", "publish *", '"deliver *"'),
    ],
)
def test_a_pattern_that_nothing_can_match_is_refused(kind: str, target: str, pattern: str, way: str) -> None:
    with pytest.raises(FaultError) as caught:
        aimed(parse(f'{kind} orders:{target} on "{pattern}"'), PATTERNS)
    assert pattern in str(caught.value)
    assert way in str(caught.value)


def test_every_op_that_a_kind_is_for_is_one_that_its_protocol_has() -> None:
    for kind in KINDS.values():
        for verb in kind.verbs:
            for protocol in kind.protocols:
                assert re.match(protocols()[protocol].op, verb)


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
