from __future__ import annotations

from random import Random
from typing import Any

import pytest

from lab.load.pools import EmptyPool, Pools
from lab.load.report import Tally, percentile
from lab.load.template import fill, fills, picks
from lab.system.model import Journey, Request


def pools(**values: Any) -> Pools:
    found = Pools(lambda: 0.0, Random(1))
    for name, value in values.items():
        found.put(name, value)
    return found


def test_placeholders_are_filled_at_any_depth() -> None:
    template = {"email": "visitor{n}@x.uz", "tags": ["{choice:a}", {"user": "{pick:user}"}], "fixed": 1, "none": None}
    assert fill(template, 7, Random(1), pools(user="u1")) == {
        "email": "visitor7@x.uz",
        "tags": ["a", {"user": "u1"}],
        "fixed": 1,
        "none": None,
    }


def test_a_placeholder_alone_keeps_its_own_type() -> None:
    assert fill("{pick:user}", 1, Random(1), pools(user=17)) == 17
    assert fill("/users/{pick:user}", 1, Random(1), pools(user=17)) == "/users/17"
    assert fill("{n}", 3, Random(1), pools()) == 3
    amounts = {fill("{int:1:3}", 1, Random(seed), pools()) for seed in range(30)}
    assert amounts == {1, 2, 3}


def test_the_same_chance_gives_the_same_values() -> None:
    template = "{uuid} {int:1:1000000} {choice:a|b|c}"
    assert fill(template, 1, Random(5), pools()) == fill(template, 1, Random(5), pools())
    assert fill(template, 1, Random(5), pools()) != fill(template, 1, Random(6), pools())


def test_what_cannot_be_filled_is_said() -> None:
    with pytest.raises(EmptyPool, match="user"):
        fill("{pick:user}", 1, Random(1), pools())
    with pytest.raises(ValueError, match="now"):
        fill("{now}", 1, Random(1), pools())


def test_values_that_have_settled_are_preferred() -> None:
    now = [0.0]
    found = Pools(lambda: now[0], Random(1))
    found.put("user", "old")
    now[0] = 0.9
    found.put("user", "young")
    assert {found.pick("user") for _ in range(20)} == {"old", "young"}
    now[0] = 1.0
    assert {found.pick("user") for _ in range(20)} == {"old"}
    now[0] = 2.0
    assert {found.pick("user") for _ in range(20)} == {"old", "young"}


def journey(*requests: Request) -> Journey:
    return Journey(name="j", requests=requests)


def test_a_journey_needs_the_pools_that_it_does_not_fill_itself() -> None:
    register = Request(method="POST", service="users", path="/users", save={"user": "id"})
    order = Request(method="POST", service="orders", path="/o", json={"user": ["{pick:user}"], "card": "{pick:card}"})
    assert picks(journey(order)) == {"user", "card"}
    assert picks(journey(register, order)) == {"card"}
    assert fills(journey(register, order)) == {"user"}


def test_a_report_counts_from_the_start_and_times_from_the_last_one() -> None:
    tally = Tally()
    for ms in range(1, 101):
        tally.sent()
        tally.answered(ms > 10, ms)
    tally.dropped()
    first = tally.report(5)
    assert (first.sent, first.ok, first.failed, first.dropped, first.p50, first.p99) == (100, 90, 10, 1, 50, 99)
    second = tally.report(5)
    assert (second.sent, second.p50, second.p99) == (100, None, None)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2.0), (0.99, 3.0), (0.01, 1.0)])
def test_a_percentile_is_one_of_the_values(share: float, expected: float) -> None:
    assert percentile([1.0, 2.0, 3.0], share) == expected
