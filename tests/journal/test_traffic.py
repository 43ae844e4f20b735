"""Two runs are compared by what each link carried, not by how often somebody looked whether they are well."""

from __future__ import annotations

from collections import Counter

from lab.journal.event import Flow, Outcome, Role
from lab.journal.traffic import changes, traffic


def flow(link: str, op: str, outcome: Outcome = "ok", role: Role = "call", key: str = "") -> Flow:
    return Flow(link=link, op=op, outcome=outcome, role=role, key=key)


def test_exchanges_are_counted_by_link_operation_and_outcome() -> None:
    found = traffic(
        [
            flow("client->orders", "GET /orders/o-1"),
            flow("client->orders", "GET /orders/o-2", "error"),
            flow("client->orders", "GET /orders/order-abcdef"),
            flow("client->orders", "GET /readyz"),
            flow("orders->redis", "GET user:7", key="user:7"),
            flow("orders->redis", "GET user:8", key="user:8"),
            flow("orders->amqp", "publish order.created", role="message"),
            flow("orders->amqp", "confirm", role="ack"),
        ]
    )
    assert found == {
        ("client->orders", "GET /orders/…"): Counter(ok=2, error=1),
        ("orders->redis", "GET"): Counter(ok=2),
        ("orders->amqp", "publish order.created"): Counter(ok=1),
    }


def test_what_differs_is_told_the_largest_difference_first() -> None:
    before = traffic([flow("a->b", "GET /x"), flow("a->b", "GET /same"), flow("a->c", "GET /y")])
    after = traffic([flow("a->b", "GET /same"), flow("a->c", "GET /y", "lost"), flow("a->c", "GET /y", "lost")])
    assert [(one.link, one.op, dict(one.before), dict(one.after)) for one in changes(before, after)] == [
        ("a->c", "GET /y", {"ok": 1}, {"lost": 2}),
        ("a->b", "GET /x", {"ok": 1}, {}),
    ]
    assert changes(before, before) == []
