"""Calls as a brief writes them become commands that a shell takes."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from lab.course.calls import curls, sample

BASE = "http://127.0.0.1:4711"


def test_each_call_becomes_a_command_once() -> None:
    brief = """
    `POST /users {email,name}` gives 201, then `GET /users/{id}` and `GET /users?limit=10&cursor=`.
    Again `GET /users/{id}`; not ours: `POST {PAYMENT_URL}/charges`, `GET` or `order.created`.
    `DELETE /users/{id}` and `GET /payments?order_id=…` too.
    """
    assert list(curls(brief, BASE)) == [
        "curl -i -X POST http://127.0.0.1:4711/users -H 'Content-Type: application/json' "
        '-d \'{"email": "ada@example.org", "name": "Ada"}\'',
        "curl -i http://127.0.0.1:4711/users/1",
        "curl -i 'http://127.0.0.1:4711/users?limit=10&cursor=1'",
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
            {"user_id": "1", "items": [{"sku": "tea", "qty": 1000, "price": 1000}]},
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
    (command,) = curls("`GET /find?q=a;rm&n=1`", BASE)
    assert shlex.split(command)[-1] == f"{BASE}/find?q=a;rm&n=1"


def test_the_data_is_json() -> None:
    (command,) = curls("`POST /orders {user_id, items: [{sku, qty}]}`", BASE)
    json.loads(shlex.split(command)[-1])
