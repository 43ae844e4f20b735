"""The grader as a client of the learner's services: against a stub, which says what it was asked and over what."""

from __future__ import annotations

import random
import re
import shlex
from collections.abc import Iterator

import pytest

from lab.grading import drip
from lab.grading.instruments.http import Http, NoService
from lab.neighbours.users import Users

CROWD, ROUNDS = 16, 20


@pytest.fixture
def users() -> Iterator[Users]:
    stub = Users()
    stub.open()
    stub.add(id="u-1", name="Aziz")
    yield stub
    stub.close()


@pytest.fixture
def http(users: Users) -> Iterator[Http]:
    client = Http({"users": f"http://127.0.0.1:{users.port}"}, "users", random.Random(1))
    yield client
    client.close()


def test_each_request_is_a_connection_of_its_own_however_many_come_at_once(users: Users, http: Http) -> None:
    # A connection that stayed in the client's pool could be taken by one thread and closed by another.
    for _ in range(ROUNDS):
        answers = http.at_once([lambda: http.get("/users/u-1")] * CROWD)
        assert [answer.status for answer in answers] == [200] * CROWD
    assert users.connections == users.count() == ROUNDS * CROWD
    assert {seen.headers["connection"] for seen in users.seen} == {"close"}


def test_a_body_that_does_not_end_is_given_up_in_time(users: Users, http: Http) -> None:
    users.will(drip(0.05))
    answer = http.get("/users/u-1", timeout=0.4)
    assert answer.status is None
    assert answer.outcome == "unknown"
    waited = re.fullmatch(r"no answer within ([\d.]+) s", answer.error)
    assert waited, answer.error
    assert 0.4 <= float(waited[1]) < 5, "not given up before its time, and not with the end of the body"


def test_nobody_listens(http: Http, users: Users) -> None:
    users.down()
    answer = http.post("/users", json={"name": "Aziz"})
    assert (answer.status, answer.outcome) == (None, "failed")
    assert answer.curl.startswith("curl -i -X POST ")


def test_a_service_that_the_exercise_does_not_have_is_named_with_those_it_has(http: Http) -> None:
    with pytest.raises(NoService, match="no service 'orders'; it has users"):
        http["orders"]


def test_a_request_too_long_to_paste_is_no_command(http: Http) -> None:
    assert http.post("/users", json={"name": "x" * 2000}).curl == ""


def test_a_command_sends_what_the_request_sent(http: Http) -> None:
    answer = http.post("/users", content="{it's no JSON", headers={"X-Trace": "$1"})
    assert shlex.split(answer.curl)[4:] == [
        answer.url, "-H", "X-Trace: $1", "-H", "content-type: application/json", "--data-raw", "{it's no JSON"
    ]  # fmt: skip
    assert http.post("/users", content=b"\xff").curl == ""


def test_nothing_in_a_request_says_that_the_grader_sends_it(users: Users, http: Http) -> None:
    answers = [http.get("/users/u-1") for _ in range(2)]
    assert [answer.request_id for answer in answers] == [seen.headers["x-request-id"] for seen in users.seen]
    assert len({answer.request_id for answer in answers}) == 2
    for seen in users.seen:
        said = " ".join(seen.headers.values()).lower()
        assert not any(word in said for word in ("httpx", "lab", "grad", "check", "req-"))


def test_a_header_that_is_none_is_not_sent(users: Users, http: Http) -> None:
    answer = http.get("/users/u-1", headers={"X-Request-ID": None})
    assert "x-request-id" not in users.seen[-1].headers
    assert answer.request_id == ""
    assert "X-Request-ID" not in answer.curl
