"""What checks say, without any process."""

from __future__ import annotations

import time

import pytest

from lab.grading.checking.expect import (
    Attention,
    BehaviourFailed,
    behaviour,
    borrowed,
    eventually,
    expect,
    never,
    sample_twice,
    stays,
    within,
)
from lab.grading.instruments.http import Answer

ANSWER = Answer(
    method="POST",
    url="http://127.0.0.1:1/orders",
    path="/orders",
    request_id="req-1",
    seconds=0.5,
    sent={"note": "it's"},
    service="orders",
)


def test_a_failure_carries_ids_and_a_command_to_paste() -> None:
    with pytest.raises(BehaviourFailed) as caught:
        expect(0, "one charge", got=f"{2} charges", code="charged-twice", about=["order-1", 7, ANSWER])  # type: ignore[list-item]
    failed = caught.value
    assert (failed.expected, failed.got, failed.code) == ("one charge", "2 charges", "charged-twice")
    assert failed.about == ("order-1", "7", "req-1")
    assert failed.service == "orders"
    assert failed.command == (
        "curl -i -X POST http://127.0.0.1:1/orders -H 'content-type: application/json' -d '{\"note\": \"it'\"'\"'s\"}'"
    )


def test_what_holds_is_silent() -> None:
    expect([1], "something", got="", code="never")


def test_eventually_returns_what_it_waited_for() -> None:
    answers = iter([None, 0, "", "there"])
    assert eventually(lambda: next(answers), "an answer", within=5) == "there"


def test_eventually_tells_who_watches_and_says_what_came_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(Attention, "waiting", lambda text, _: told.append(text))
    with pytest.raises(BehaviourFailed) as caught:
        eventually(lambda: False, "five users", within=0.05, got=lambda: "3 users", code="users-lost")
    assert caught.value.expected == "five users"
    assert caught.value.got.endswith("s; at last: 3 users")
    assert caught.value.code == "users-lost"
    assert set(told) == {"five users"}


def test_what_eventually_calls_a_failure_may_depend_on_what_was_seen() -> None:
    seen = ["two"]
    with pytest.raises(BehaviourFailed) as caught:
        eventually(lambda: False, "five users", within=0.05, code=lambda: f"only-{seen[-1]}")
    assert caught.value.code == "only-two"


def test_never_watches_until_the_fence_has_passed_and_all_is_quiet() -> None:
    fenced = []
    never(lambda: False, "a second charge", fence=lambda: fenced.append(1), quiet=0.05)
    assert fenced == [1]
    began = time.monotonic()
    with pytest.raises(BehaviourFailed) as caught:
        never(lambda: time.monotonic() - began > 0.02 and "charge 2", "a second charge", quiet=5, code="twice")
    assert (caught.value.expected, caught.value.got) == ("never: a second charge", "charge 2")


def test_within_asks_until_it_is_true_or_the_time_is_up() -> None:
    answers = iter([0, None, "there"])
    assert within(5, lambda: next(answers))
    assert not within(0.05, list)


def test_stays_notices_what_comes_and_goes() -> None:
    answers = iter([True, True, False, True])
    assert not stays(lambda: next(answers), 5)
    assert stays(lambda: "there", 0.05)


@pytest.mark.parametrize(("samples", "kept", "taken"), [([5, 0], 5, 1), ([1, 7], 7, 2), ([1, 2], 2, 2)])
def test_a_second_sample_decides(samples: list[int], kept: int, taken: int) -> None:
    drawn: list[int] = []

    def draw() -> int:
        drawn.append(samples[len(drawn)])
        return drawn[-1]

    assert sample_twice(draw, lambda value: value > 3) == kept
    assert len(drawn) == taken


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"code": "unknown_user"}, "unknown_user"),
        ({"error": {"code": "busy"}}, "busy"),
        ({"error": "busy"}, ""),
        ({"code": 7}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_the_code_of_a_problem(body: object, code: str) -> None:
    answer = Answer(method="GET", url="", path="/", request_id="", seconds=0.1, status=409, json=body)
    assert answer.code == code


def test_what_came_is_told_in_a_few_lines() -> None:
    failed = BehaviourFailed("a page", "x" * 5000, "endless")
    assert len(failed.got) < 700
    assert "4,400 more characters" in failed.got
    assert BehaviourFailed("a", "b" * 600, "c").got == "b" * 600


def test_a_borrowed_check_keeps_what_was_said_of_it(pytestconfig: pytest.Config) -> None:
    pytestconfig.addinivalue_line("markers", "behaviour(id, start=True, limit=None): as in a grading")

    @behaviour("C4", start=False, limit=150)
    def check_all() -> None: ...

    (mark,) = borrowed("C2", check_all).__dict__["pytestmark"]
    assert mark.args == ("C2",)
    assert mark.kwargs == {"start": False, "limit": 150}
