from __future__ import annotations

from dataclasses import replace

import pytest

from lab.dashboard.panels.endpoints import MOST, Endpoints
from lab.journal.event import Flow
from lab.journal.operation import operation
from tests.dashboard import shop
from tests.dashboard.fakes import FakeRun
from tests.dashboard.test_app import NARROW, WIDE, opened, shown, until


@pytest.mark.parametrize(
    ("op", "told"),
    [
        ("GET /orders/7", "GET /orders/…"),
        ("POST /orders/0b2e5f7c-1c2d-4e5f-8a9b-0c1d2e3f4a5b/pay?x=1", "POST /orders/…/pay"),
        ("GET /users", "GET /users"),
        ("GET /", "GET /"),
        ("Users/Get", "Users/Get"),
        ("GET user:7", "GET user:7"),
    ],
)
def test_an_operation_has_nobodys_ids(op: str, told: str) -> None:
    assert operation(op) == told


def call(t: float, op: str, ms: float, status: str = "200") -> Flow:
    return Flow(
        t=t, source="client", target="orders", link="client->orders", protocol="http", op=op, ms=ms, status=status
    )


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_endpoints_show_what_is_slow_and_what_fails(size: tuple[int, int]) -> None:
    run = FakeRun([*shop.ready(), *(call(1 + n / 10, f"GET /orders/{n}", 12.0) for n in range(5))])
    run.feed(call(2.0, "GET /report", 1800.0), call(2.0, "POST /orders", 20.0, "503"))
    async with opened(run, size, replace(shop.SYSTEM, panels=("endpoints", "flows"))) as (app, pilot):
        await until(lambda: "GET /report" in shown(app, "list"))
        rows = {line.split()[2]: line.split() for line in shown(app, "list").splitlines() if "/" in line[14:]}
        assert rows["/orders/…"][4:6] == ["12ms", "12ms"]
        assert rows["/report"][4] == "1.8s"
        assert rows["/orders"][-1] == "1"
        await pilot.press("1", "down", "enter")
        await until(lambda: "orders  GET /orders/…" in shown(app, "page"))


def test_the_fold_is_bounded_and_a_copy_is_its_own() -> None:
    fold = Endpoints()
    for n in range(2 * MOST):
        fold.apply(call(1.0, f"GET /{'x' * (n % 20)}{chr(97 + n // 20)}", 1.0))
    assert len(fold.of) == MOST
    other = fold.copy()
    other.apply(call(2.0, "GET /a", 5.0, "500"))
    assert fold.of["orders", "GET /a"].failed == 0
