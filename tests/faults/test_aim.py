from __future__ import annotations

import pytest

from lab.faults.aim import check
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
    check(parse(text), SYSTEM)


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
        check(parse(text), SYSTEM)
    assert says in str(caught.value)
