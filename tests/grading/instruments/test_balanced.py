"""Clients behind a balancer: in turn, and past an instance that gives no answer."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from lab.grading import Balanced, Http, reset, status
from lab.neighbours.users import Users


@pytest.fixture
def instances() -> Iterator[list[Users]]:
    stubs = [Users() for _ in range(3)]
    for stub in stubs:
        stub.open()
        stub.add(id="u-1", name="Aziz")
    yield stubs
    for stub in stubs:
        stub.close()


@pytest.fixture
def balanced(instances: list[Users]) -> Iterator[Balanced]:
    urls = {f"users-{number}": f"http://127.0.0.1:{stub.port}" for number, stub in enumerate(instances, 1)}
    client = Http(urls, "users-1", random.Random(1))
    yield Balanced([client[name] for name in urls])
    client.close()


def test_each_is_asked_in_its_turn(instances: list[Users], balanced: Balanced) -> None:
    answers = [balanced.get("/users/u-1") for _ in range(6)]
    assert [answer.service for answer in answers] == ["users-1", "users-2", "users-3"] * 2
    assert [stub.count() for stub in instances] == [2, 2, 2]


def test_one_that_is_away_or_loses_its_answer_is_passed_over(instances: list[Users], balanced: Balanced) -> None:
    instances[0].down()
    instances[1].will(reset())
    answers = [balanced.get("/users/u-1") for _ in range(3)]
    assert [(answer.status, answer.service) for answer in answers] == [(200, "users-3")] * 3


def test_an_error_is_an_answer(instances: list[Users], balanced: Balanced) -> None:
    instances[0].will(status(500))
    assert balanced.get("/users/u-1").status == 500
    assert instances[1].count() == 0


def test_when_all_are_away_the_client_hears_it(instances: list[Users], balanced: Balanced) -> None:
    for stub in instances:
        stub.down()
    answer = balanced.get("/users/u-1")
    assert (answer.status, answer.service) == (None, "users-3")
