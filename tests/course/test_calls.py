"""Calls as a brief writes them become commands that a shell takes."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from lab.course import catalog, texts
from lab.course.calls import curls, sample

BASE = "http://127.0.0.1:4711"
URLS = {"shop": BASE}


def test_each_call_becomes_a_command_once() -> None:
    brief = """
    `POST /users {email,name}` gives 201, then `GET /users/{id}` and `GET /users?limit=10&cursor=`.
    Again `GET /users/{id}`; not ours: `POST {PAYMENT_URL}/charges`, `GET` or `order.created`.
    `DELETE /users/{id}` and `GET /payments?order_id=…` too.
    """
    assert list(curls(brief, URLS)) == [
        "curl -i -X POST http://127.0.0.1:4711/users -H 'Content-Type: application/json' "
        '-d \'{"email": "ada@example.org", "name": "Ada"}\'',
        "curl -i http://127.0.0.1:4711/users/1",
        "curl -i 'http://127.0.0.1:4711/users?limit=10'",
        "curl -i -X DELETE http://127.0.0.1:4711/users/1",
        "curl -i 'http://127.0.0.1:4711/payments?order_id=1'",
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{order_id, amount}", {"order_id": "1", "amount": 1000}),
        ('{status: "cancelled"}', {"status": "cancelled"}),
        (
            "{user_id, items: [{sku, qty, price}]}",
            {"user_id": "1", "items": [{"sku": "tea", "qty": 2, "price": 1000}]},
        ),
        ('{"name": "Ada", "qty": 2}', {"name": "Ada", "qty": 2}),
        ("{items: […]}", {"items": [{"sku": "tea", "qty": 1, "price": 9000}]}),
        ("{amount: …}", {"amount": 1000}),
        ("{}", {}),
        ("{a: [", {"a": []}),
    ],
)
def test_loosely_written_json_gets_values(written: str, meant: Any) -> None:
    assert sample(written) == meant


def test_what_a_shell_would_read_is_quoted() -> None:
    (command,) = curls("`GET /find?q=a;rm&n=1`", URLS)
    assert shlex.split(command)[-1] == f"{BASE}/find?q=a;rm&n=1"


def test_the_data_is_json() -> None:
    (command,) = curls("`POST /orders {user_id, items: [{sku, qty}]}`", URLS)
    json.loads(shlex.split(command)[-1])


def test_a_call_goes_to_the_service_that_its_path_names() -> None:
    brief = "`POST /users {name}` `GET /orders/{id}` `GET /health`"
    urls = {"users": "http://h:1", "orders": "http://h:2"}
    assert [shlex.split(command)[-1] for command in curls(brief, urls) if "-d" not in command] == [
        "http://h:2/orders/1",
        "http://h:1/health",
    ]


def test_what_is_no_whole_call_is_left_out() -> None:
    brief = "`POST /orders {user_id}`, `GET /orders…`, then `POST /orders` 40 times and `PATCH /users/{id} {name?}`"
    assert [command.split("-X ")[1].split()[0] for command in curls(brief, URLS)] == ["POST", "PATCH"]
    assert list(curls(brief, URLS))[1].endswith("""-d '{"name": "Ada"}'""")


def test_every_exercise_names_a_call_to_try() -> None:
    for exercise in catalog.exercises():
        urls = {service.name: f"http://{service.name}" for service in exercise.services}
        briefs = "\n".join(texts.brief(told, "en") for told in catalog.carried(exercise))
        found = list(curls(briefs, urls))
        assert [command for command in found if not command.endswith(("/readyz", "/metrics"))], exercise.id
        assert len(found) == len(set(found))
