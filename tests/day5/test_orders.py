"""Orders under an Idempotency-Key: however often one asks, it is one order."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from lab.day5_resilience.orders import app as orders
from lab.neighbours.stub.deeds import status
from lab.neighbours.users import Users

BODY = {"user_id": "1", "amount": 5000}


@pytest.fixture
def users() -> Iterator[Users]:
    users = Users()
    users.open()
    users.furnish()
    yield users
    users.close()


def client(tmp_path: Path, users: Users, without: str = "") -> TestClient:
    url = f"sqlite:///{tmp_path / 'orders.db'}"
    settings = orders.Settings(
        service_name="orders", database_url=url, users_url=f"http://127.0.0.1:{users.port}", without=without
    )
    return TestClient(orders.create_app(settings))


def place(visitor: TestClient, key: str = "k-1", **other: Any) -> tuple[int, Any]:
    answer = visitor.post("/orders", json={**BODY, **other}, headers={"Idempotency-Key": key} if key else {})
    return answer.status_code, answer.json()


def count(visitor: TestClient) -> int:
    return len(visitor.get("/orders", params={"user_id": "1"}).json()["items"])


def test_the_same_request_is_one_order_and_one_answer_also_after_a_restart(tmp_path: Path, users: Users) -> None:
    with client(tmp_path, users) as visitor:
        first = place(visitor)
        assert first[0] == 201
        assert place(visitor) == first
    with client(tmp_path, users) as visitor:
        assert place(visitor) == first
        assert count(visitor) == 1


def test_a_repeated_request_needs_nobody(tmp_path: Path, users: Users) -> None:
    with client(tmp_path, users) as visitor:
        first = place(visitor)
        users.will(status(500))
        assert place(visitor) == first


def test_of_many_at_one_moment_one_places_it(tmp_path: Path, users: Users) -> None:
    with client(tmp_path, users) as visitor, ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: place(visitor), range(4)))
        assert {code for code, _ in answers} == {201}
        assert len({body["id"] for _, body in answers}) == count(visitor) == 1


def test_a_key_belongs_to_one_request(tmp_path: Path, users: Users) -> None:
    with client(tmp_path, users) as visitor:
        place(visitor)
        code, problem = place(visitor, amount=1)
        assert (code, problem["code"]) == (422, "key_reused")
        assert place(visitor, "k-2", amount=1)[0] == 201
        assert count(visitor) == 2


def test_what_was_refused_is_not_remembered(tmp_path: Path, users: Users) -> None:
    with client(tmp_path, users) as visitor:
        assert place(visitor, user_id="nobody")[0] == 422
        users.add("nobody")
        assert place(visitor, user_id="nobody")[0] == 201


@pytest.mark.parametrize(("without", "key"), [("idempotency", "k-1"), ("", "")])
def test_without_a_key_each_request_is_an_order(tmp_path: Path, users: Users, without: str, key: str) -> None:
    with client(tmp_path, users, without) as visitor:
        place(visitor, key)
        place(visitor, key)
        assert count(visitor) == 2
