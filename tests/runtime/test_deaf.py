"""A service of the learner's that hears nothing is told of, and nobody else."""

from __future__ import annotations

import pytest

from lab.journal.event import Flow
from lab.runtime.deaf import Deaf
from lab.system.model import Service, System

SYSTEM = System(
    name="toy",
    services=(
        Service(name="orders", command=("x",), replicas=2, mine=True, hears=True),
        Service(name="users", command=("x",), mine=True),
        Service(name="payments", command=("x",)),
    ),
)


def flow(source: str, role: str, op: str) -> Flow:
    return Flow(source=source, target="broker", link="orders->broker", protocol="amqp", role=role, op=op)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("role", "op", "deaf"),
    [
        ("setup", "bind", False),
        ("setup", "bind orders.results", False),
        ("subscribe", "consume orders.results", False),
        ("setup", "declare orders.results", True),
        ("message", "publish order.created", True),
    ],
)
def test_who_binds_no_queue_and_asks_for_nothing_is_deaf(role: str, op: str, deaf: bool) -> None:
    found = Deaf(SYSTEM)
    assert found.services == ["orders"]
    found.see(flow("orders-2", role, op))
    assert found.services == (["orders"] if deaf else [])
