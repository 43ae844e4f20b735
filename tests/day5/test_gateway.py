"""What visitors get when a neighbour is away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from lab.day5_resilience.gateway import app as gateway
from lab.neighbours.reco import Reco
from lab.neighbours.stub import Reply, Seen, Stub, Work, says
from lab.neighbours.stub.deeds import lost, status

NOBODY = "http://127.0.0.1:9"


class Orders(Stub):
    """Answers as Friday's orders does: it may have given up on users."""

    name = "orders"

    def empty(self) -> None:
        self.users_away = False

    def routes(self) -> dict[str, Work]:
        return {"GET /orders": self._of, "POST /orders": lambda seen: says({"id": "o", "key": seen.key}, 201)}

    def _of(self, _: Seen) -> Reply:
        if self.users_away:
            away = {"code": "users_unavailable", "detail": "users: the breaker is open"}
            return says(away, 503, {"X-Should-Retry": "false", "Retry-After": "1"})
        return says({"user": {"id": "u", "name": "Aziza"}, "items": []})


@pytest.fixture
def orders() -> Iterator[Orders]:
    orders = Orders()
    orders.open()
    yield orders
    orders.close()


@pytest.fixture
def reco() -> Iterator[Reco]:
    reco = Reco()
    reco.open()
    yield reco
    reco.close()


@pytest.fixture
def visitor(orders: Orders, reco: Reco) -> Iterator[TestClient]:
    urls: dict[str, Any] = {f"{name}_url": NOBODY for name in ("users", "report", "jobs")}
    urls |= {"orders_url": f"http://127.0.0.1:{orders.port}", "reco_url": f"http://127.0.0.1:{reco.port}"}
    with TestClient(gateway.create_app(gateway.Settings(service_name="gateway", **urls))) as client:
        yield client


def test_a_page_without_its_extra_says_so(visitor: TestClient, reco: Reco) -> None:
    whole = visitor.get("/home/u").json()
    assert whole["degraded"] == []
    reco.will(status(500))
    known, unknown = visitor.get("/home/u").json(), visitor.get("/home/v").json()
    assert (known["stale"], known["degraded"]) == (True, ["recommendations"])
    assert known["recommendations"] == whole["recommendations"]
    assert (unknown["stale"], unknown["degraded"]) == (False, ["recommendations"])
    reco.heal()
    assert visitor.get("/home/u").json() == whole


def test_what_orders_says_of_users_is_passed_on_and_no_reason_to_stop_calling_orders(
    visitor: TestClient, orders: Orders
) -> None:
    orders.users_away = True
    answers = [visitor.get("/home/u") for _ in range(40)]
    assert {answer.json()["code"] for answer in answers} == {"users_unavailable"}
    assert {answer.headers["Retry-After"] for answer in answers} == {"1"}
    assert orders.count("GET /orders") == 40


def test_a_neighbour_that_one_cannot_do_without_is_named(visitor: TestClient, orders: Orders) -> None:
    orders.will(status(500))
    answers = [visitor.get("/home/u") for _ in range(40)]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(503, "orders_unavailable")}
    assert orders.count("GET /orders") == 20  # the breaker's window


def test_an_order_whose_answer_got_lost_is_asked_for_again_under_the_same_key(
    visitor: TestClient, orders: Orders
) -> None:
    orders.will(lost(), times=2)
    assert visitor.post("/orders", json={}).status_code == 201
    orders.will(lost(), times=1)
    assert visitor.post("/orders", json={}, headers={"Idempotency-Key": "mine"}).json()["key"] == "mine"
    keys = [seen.key for seen in orders.seen]
    assert len(keys) == 5
    assert len(set(keys[:3])) == 1
    assert set(keys[3:]) == {"mine"}
    assert keys[0] != "mine"
