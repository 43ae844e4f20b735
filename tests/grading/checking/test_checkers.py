"""Checkers against naive models that try every outcome of the unknown operations; no process takes part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain, permutations, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.grading.checking.checkers import (
    Result,
    balanced,
    conservation,
    exactly_once_effect,
    monotonic_reads,
    no_lost_write,
    terminal_states,
)
from lab.grading.checking.expect import BehaviourFailed
from lab.grading.checking.history import Operation
from lab.grading.instruments.http import Outcome

OUTCOMES: tuple[Outcome, ...] = ("ok", "failed", "unknown")
outcomes = st.sampled_from(OUTCOMES)
keys = st.sampled_from(["a", "b", "c"])
times = st.integers(0, 6)


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    began = draw(times)
    return Operation(
        key=draw(keys),
        outcome=draw(outcomes),
        value=draw(st.integers(0, 3)),
        by=draw(st.sampled_from(["x", "y"])),
        began=began,
        ended=began + draw(times),
    )


histories = st.lists(operations(), max_size=5)


def worlds(history: list[Operation]) -> Iterator[list[Operation]]:
    """What may really have happened: each unknown operation took effect, or did not."""
    unknown = [o for o in history if o.outcome == "unknown"]
    for happened in product((True, False), repeat=len(unknown)):
        chosen = {id(o) for o, did in zip(unknown, happened, strict=True) if did}
        yield [o for o in history if o.outcome == "ok" or id(o) in chosen]


def op(key: str, outcome: Outcome = "ok", **more: Any) -> Operation:
    return Operation(key=key, outcome=outcome, **more)


# Exactly once


@settings(deadline=None)
@given(histories, st.lists(keys, max_size=4))
def test_exactly_once_agrees_with_trying_every_world(history: list[Operation], effects: list[str]) -> None:
    naive = any(Counter({o.key for o in world}) == Counter(effects) for world in worlds(history))
    assert bool(exactly_once_effect(history, effects)) is naive


CONTRADICTIONS: dict[str, tuple[list[Operation], list[str], str, str]] = {
    "lost": ([op("o-1"), op("o-2")], ["o-1"], "lost", "none after 1 ok"),
    "doubled": ([op("o-1")], ["o-1", "o-1"], "doubled", "2 after 1 ok"),
    "an unknown one doubled": ([op("o-1", "unknown")], ["o-1"] * 2, "doubled", "2 after 1 unknown"),
    "failed": ([op("o-1", "failed"), op("o-1", "failed")], ["o-1"], "done-though-failed", "one after 2 failed"),
    "unasked": ([op("o-1")], ["o-1", "o-9"], "unasked", "1 for o-9"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_the_contradiction_is_named(name: str) -> None:
    history, effects, code, got = CONTRADICTIONS[name]
    result = exactly_once_effect(history, effects, "charge")
    assert not result
    assert result.code == code
    assert got in result.got
    assert "charge" in result.expected
    with pytest.raises(BehaviourFailed) as failed:
        result.prove()
    assert (failed.value.code, failed.value.about) == (code, result.about)


def test_the_first_contradiction_comes_with_its_ids() -> None:
    history = [op("o-1", id="r-1"), op("o-2", id="r-2", what="POST /charges"), op("o-3", id="r-3")]
    result = exactly_once_effect(history, ["o-1"], "charge")
    assert result == Result("lost", "exactly one charge for o-2", "none after 1 ok POST /charges", ("o-2", "r-2"))


def test_what_holds_proves_itself() -> None:
    exactly_once_effect([op("o-1"), op("o-1", "unknown"), op("o-2", "unknown")], ["o-1"]).prove()


# Conservation


@settings(deadline=None)
@given(histories, st.lists(keys, max_size=3), st.lists(keys, max_size=3))
def test_conservation_agrees_with_trying_every_world(history: list[Operation], one: list[str], two: list[str]) -> None:
    naive = any(Counter({o.key for o in world}) == Counter(chain(one, two)) for world in worlds(history))
    assert bool(conservation(history, {"effects": one, "dlq": two})) is naive


def test_conservation_says_where_things_are() -> None:
    result = conservation([op("m-1")], {"effects": ["m-1"], "dlq": ["m-1"]})
    assert (result.code, result.expected) == ("doubled", "exactly one message m-1")
    assert "m-1 in effects and in dlq" in result.got
    result = conservation([op("m-1")], {"effects": [], "dlq": []})
    assert (result.code, "m-1 nowhere (effects, dlq)" in result.got) == ("lost", True)


# Balances


@settings(deadline=None)
@given(histories, st.integers(-3, 12))
def test_balances_agree_with_trying_every_world(history: list[Operation], final: int) -> None:
    naive = any(5 + sum(o.value for o in world) == final for world in worlds(history))
    assert bool(balanced(5, history, final)) is naive


def test_money_that_is_missing_is_named() -> None:
    history = [op("o-1", value=-400), op("o-2", "unknown", value=-300), op("o-3", "failed", value=-100)]
    assert balanced(1000, history, 600)
    assert balanced(1000, history, 300)
    result = balanced(1000, history, 200)
    assert (result.code, result.got, result.about) == ("not-conserved", "200", ("o-1", "o-2"))
    assert "600" in result.expected
    assert "(300 to 600)" in result.expected


def test_many_unknown_amounts_take_no_time() -> None:
    history = [op(f"o-{n}", "unknown", value=-100 * (n % 7)) for n in range(200)]
    assert balanced(0, history, -100)
    assert not balanced(0, history, -150)


# Lost writes


def _orders(world: list[Operation]) -> Iterator[tuple[Operation, ...]]:
    """The orders in which these may have taken effect: none before one that was over when it began."""
    for order in permutations(world):
        if not any(later.before(earlier) for n, earlier in enumerate(order) for later in order[n + 1 :]):
            yield order


@settings(deadline=None)
@given(st.lists(operations(), max_size=4), st.dictionaries(keys, st.integers(0, 3)))
def test_lost_writes_agree_with_trying_every_order(history: list[Operation], readable: dict[str, int]) -> None:
    def possible(key: str) -> bool:
        mine = [o for o in history if o.key == key]
        if not any(o.outcome == "ok" for o in mine):
            return True  # nothing was promised
        finals = {order[-1].value for world in worlds(mine) for order in _orders(world)}
        return readable.get(key, "absent") in finals

    assert bool(no_lost_write(history, readable)) is all(map(possible, ("a", "b", "c")))
    missing = {o.key for o in history if o.outcome == "ok"} - readable.keys()
    assert bool(no_lost_write(history, set(readable))) is (not missing)


def test_a_lost_write_is_named() -> None:
    result = no_lost_write([op("o-1", id="r-1", what="POST /orders")], [])
    assert result.code == "lost-write"
    assert result.got == "o-1 cannot be read after 1 ok POST /orders"
    assert result.about == ("o-1", "r-1")
    older = [op("p", value="old", began=1, ended=2), op("p", value="new", began=3, ended=4)]
    result = no_lost_write(older, {"p": "old"})
    assert (result.expected, result.got) == ("p to be 'new'", "p is 'old'")
    assert no_lost_write([*older, op("p", "unknown", value="late", began=0, ended=1)], {"p": "late"})
    assert not no_lost_write([*older, op("p", "failed", value="no", began=9, ended=9)], {"p": "no"})


# Terminal states


@settings(deadline=None)
@given(histories, st.dictionaries(keys, st.sampled_from(["confirmed", "cancelled", "pending"])))
def test_terminal_states_agree_with_looking_at_each(history: list[Operation], states: dict[str, str]) -> None:
    must = {o.key for o in history if o.outcome == "ok"}
    naive = must <= states.keys() and "pending" not in states.values()
    assert bool(terminal_states(history, states, ("confirmed", "cancelled"))) is naive


def test_what_has_not_ended_is_named() -> None:
    allowed = ("confirmed", "cancelled")
    result = terminal_states(["o-1", "o-2"], {"o-1": "confirmed", "o-2": "pending"}, allowed)
    expected = "every order to end confirmed or cancelled"
    assert result == Result("not-terminal", expected, "order o-2 is pending", ("o-2",))
    result = terminal_states(["o-1", "o-2"], {"o-1": "confirmed"}, allowed)
    assert (result.code, result.got) == ("no-state", "order o-2 has no state at all")


# Monotonic reads


@st.composite
def reads(draw: st.DrawFn) -> Operation:
    """Crowded: few readers, few moments, so that many overlap."""
    began = draw(st.integers(0, 8))
    outcome: Outcome = draw(st.sampled_from(("ok", "ok", "ok", "failed")))
    by = draw(st.sampled_from(("x", "x", "y")))
    value = draw(st.integers(0, 3))
    return Operation(key="p", outcome=outcome, value=value, by=by, began=began, ended=began + draw(st.integers(0, 4)))


@settings(max_examples=400, deadline=None)
@given(st.lists(reads(), max_size=6))
def test_monotonic_reads_agree_with_comparing_all_pairs(history: list[Operation]) -> None:
    done = [o for o in history if o.outcome == "ok"]
    naive = not any(
        first.by == second.by and first.key == second.key and first.before(second) and second.value < first.value
        for first in done
        for second in done
    )
    assert bool(monotonic_reads(history)) is naive


def test_an_older_read_is_named() -> None:
    def read(version: int, at: float, by: str = "c1") -> Operation:
        return op("p-1", value=version, by=by, began=at, ended=at + 0.5, id=f"r-{version}-{at:g}")

    assert monotonic_reads([read(1, 0), read(2, 1), read(2, 2), read(1, 3, by="c2")])
    result = monotonic_reads([read(2, 0), read(1, 1)])
    expected = "c1 to read version 2 of p-1 or a newer one, having read it before"
    assert result == Result("older-read", expected, "version 1", ("p-1", "r-2-0", "r-1-1"))
