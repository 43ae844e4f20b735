from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from lab.dashboard.panels.fanout import KEPT, MOST, Fanout
from lab.journal.event import Flow, Role
from tests import flows
from tests.dashboard import shop
from tests.dashboard.fakes import FakeRun
from tests.dashboard.test_app import NARROW, WIDE, opened, shown, until

call = partial(flows.call, correlation="a")


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_a_request_shows_the_calls_that_it_caused(size: tuple[int, int]) -> None:
    run = FakeRun([*shop.ready()])
    run.feed(
        call(1.05, "orders->payments", "GET /charges/1", 40),
        call(1.09, "orders->payments", "GET /charges/2", 40, "503"),
        call(1.1, "client->orders", "GET /orders/7", 100),
        call(1.2, "client->orders", "GET /orders/8", 10, correlation="b"),
    )
    async with opened(run, size, replace(shop.SYSTEM, panels=("fanout", "flows"))) as (app, pilot):
        await until(lambda: "2×" in shown(app, "list"))
        rows = [line.split() for line in shown(app, "list").splitlines() if "GET /orders/" in line]
        assert [line[4] for line in rows] == ["0×", "2×"]  # the latest first
        assert set(rows[0][5]) == {"·"}
        assert rows[1][5].strip("·")[0] == "p"
        assert rows[1][5].startswith("·")
        await pilot.press("1", "down", "down", "enter")
        await until(lambda: "GET /charges/…" in shown(app, "page"))
        page = shown(app, "page")
        assert "503" in page
        bars = [line.split("│")[-2] for line in page.splitlines() if line.count("│") > 1 and "█" in line]
        assert bars[0].count("█") == len(bars[0]), "the request itself takes all of its time"
        assert bars[1].index("█") < bars[2].index("█"), "the calls came one after the other"


def test_the_fold_is_bounded_and_a_copy_is_its_own() -> None:
    fold = Fanout()
    for n in range(2 * KEPT):
        fold.apply(call(n, "client->orders", "GET /", 1.0, correlation=str(n)))
    assert len(fold.of) == KEPT
    for _ in range(2 * MOST):
        fold.apply(call(9, "orders->payments", "GET /", 1.0, correlation=str(2 * KEPT - 1)))
    last = fold.of[str(2 * KEPT - 1)]
    assert (len(last.calls), last.count) == (MOST, 2 * MOST)
    other = fold.copy()
    other.apply(call(10, "orders->payments", "GET /", 1.0, correlation=str(2 * KEPT - 1)))
    assert last.count == 2 * MOST


def message(t: float, link: str, role: Role, key: str, ident: str) -> Flow:
    return Flow(
        t=t,
        source=link.partition("->")[0],
        link=link,
        protocol="amqp",
        role=role,
        back=role == "delivery",
        op=f"{'deliver' if role == 'delivery' else 'publish'} {key}",
        routing_key=key,
        message=ident,
        correlation="a",
    )


def test_a_question_through_a_broker_is_a_call_until_its_answer_is_there() -> None:
    fold = Fanout()
    back = "amq.rabbitmq.reply-to.x"
    fold.apply(message(1.0, "orders->broker", "message", "users.questions", "q"))
    fold.apply(message(1.01, "users->broker", "delivery", "users.questions", "q"))
    fold.apply(message(1.02, "users->broker", "message", back, ""))
    fold.apply(message(1.04, "orders->broker", "delivery", back, ""))
    fold.apply(message(1.05, "orders->broker", "message", "order.created", "e"))
    question, event = fold.of["a"].calls
    assert (question.link, question.status, round(question.ms or 0)) == ("orders->users", "answered", 40)
    assert (event.link, event.status, event.ms, fold.of["a"].count) == ("orders->broker", "sent", 0.0, 2)
