from __future__ import annotations

from dataclasses import replace

import pytest

from lab.dashboard.panels.breakers import MOST, Breakers
from lab.journal.event import Event, Flow, Log
from tests.dashboard import shop
from tests.dashboard.fakes import FakeRun
from tests.dashboard.test_app import NARROW, WIDE, opened, shown, until


def call(t: float, outcome: str, taken: int = 1, neighbour: str = "users") -> Log:
    data = {"neighbour": neighbour, "outcome": outcome, "attempts": 1, "taken": taken, "slots": 16, "budget": 7.5}
    return Log(t=t, source="orders", event="call", message="…", data=data)


def breaker(t: float, state: str) -> Log:
    data = {"name": "users", "state": state, "seconds": 3.0, "why": "a probe went well"}
    return Log(t=t, source="orders", event="breaker", message="…", data=data)


def attempt(t: float) -> Flow:
    return Flow(t=t, source="orders", target="users", link="orders->users", protocol="http", op="GET /users/7", ms=1.0)


SEEN: list[Event] = [
    breaker(0.5, "closed"),
    *(call(1.0, "ok") for _ in range(3)),
    *(attempt(1.2) for _ in range(7)),
    *(call(1.5, "failed") for _ in range(2)),
    breaker(2.0, "open"),
    *(call(2.5, "open") for _ in range(5)),
]


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_a_breaker_shows_its_state_and_what_became_of_its_calls(size: tuple[int, int]) -> None:
    run = FakeRun([*shop.ready(), *SEEN])
    async with opened(run, size, replace(shop.SYSTEM, panels=("breakers", "flows"))) as (app, pilot):
        await until(lambda: "orders → users" in shown(app, "list"))
        (line,) = [line for line in shown(app, "list").splitlines() if "orders → users" in line]
        assert "✕ open, " in line
        assert "✕✕○○○○○ " in line  # the latest, as many as there is room for
        assert line.split()[-3:] == ["10", "7", "1/16"]
        run.feed(breaker(5.0, "half-open"), attempt(5.1), call(5.1, "ok"), breaker(5.2, "closed"))
        await until(lambda: "● closed" in shown(app, "list"))
        await pilot.press("1", "enter")
        await until(lambda: "probes" in shown(app, "page"))
        assert "8 attempts" in shown(app, "page")
        assert "a probe went well" in shown(app, "page")
        assert "7.5 retries left" in shown(app, "page")


def test_one_breaker_stands_before_all_instances() -> None:
    fold = Breakers()
    fold.apply(attempt(0.9))  # is seen before its caller says what became of it
    fold.apply(call(1.0, "ok"))
    assert fold.of["orders", "users"].attempts == 1
    fold.apply(Flow(t=1.1, source="orders", target="users-2", link="orders->users-2", protocol="http", op="GET /"))
    assert fold.of["orders", "users"].attempts == 2


def test_an_open_breaker_counts_down() -> None:
    fold = Breakers()
    for event in SEEN:
        fold.apply(event)
    guard = fold.of["orders", "users"]
    assert guard.left(3.0) == pytest.approx(2.0)
    assert guard.left(9.0) == 0


def test_the_fold_is_bounded_and_a_copy_is_its_own() -> None:
    fold = Breakers()
    for n in range(2 * MOST):
        fold.apply(call(1.0, "ok", neighbour=f"n{n}"))
    assert len(fold.of) == MOST
    other = fold.copy()
    other.apply(call(2.0, "failed", neighbour="n0"))
    assert fold.of["orders", "n0"].calls == 1


@pytest.mark.parametrize(
    "data", [{}, {"name": 7}, {"name": "users", "state": "ajar"}, {"name": "users", "seconds": "x"}]
)
def test_what_a_service_says_wrongly_does_no_harm(data: dict[str, object]) -> None:
    fold = Breakers()
    fold.apply(Log(t=1.0, source="orders", event="breaker", message="…", data=data))
    assert all(guard.state == "" for guard in fold.of.values())
