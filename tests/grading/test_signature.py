"""A failure looks like the stored wrong services that fail the same behaviour with the same code."""

from __future__ import annotations

from dataclasses import replace

from lab.grading.model import Behaviour
from lab.grading.signature import looks_like, titles, to_read
from tests.grading.samples import BREAKER, CONSUMER, FLOOD, LOST_MEMORY, NO_DEDUP

WRONG = (LOST_MEMORY, NO_DEDUP, FLOOD)
DOUBLE = CONSUMER.findings[1]


def test_the_same_behaviour_and_code() -> None:
    assert looks_like(DOUBLE, WRONG) == ("in-memory-set", "no-dedup")
    assert looks_like(BREAKER.findings[1], WRONG) == ("half-open-flood",)


def test_another_code_or_behaviour_is_another_mistake() -> None:
    assert looks_like(replace(DOUBLE, code="not-idempotent"), WRONG) == ("no-dedup",)
    assert looks_like(replace(DOUBLE, code="never-charged"), WRONG) == ()
    assert looks_like(replace(DOUBLE, behaviour="C5"), WRONG) == ()
    assert looks_like(replace(DOUBLE, code=""), (replace(NO_DEDUP, codes=("",)),)) == ()


def test_where_many_share_a_code_at_most_its_namesake_is_named() -> None:
    other = replace(FLOOD, name="three_probes")
    finding = BREAKER.findings[1]
    assert looks_like(finding, (other, FLOOD)) == ("half-open-flood", "three_probes")
    assert looks_like(finding, (other, replace(FLOOD, name="a_third"), FLOOD)) == ("half-open-flood",)
    assert looks_like(finding, tuple(replace(FLOOD, name=name) for name in "abc")) == ()


def test_only_a_failure_looks_like_one() -> None:
    assert looks_like(replace(DOUBLE, verdict="unknown"), WRONG) == ()


def test_what_to_read_is_where_all_that_it_looks_like_is_treated_or_the_behaviour() -> None:
    behaviour = Behaviour(id="C3", says={}, why={}, read="day3#twice")
    memory, none = replace(LOST_MEMORY, read="day3#memory"), replace(NO_DEDUP, read="day3#twice")
    assert to_read(behaviour, ("in-memory-set",), (memory, none)) == "day3#memory"
    assert to_read(behaviour, ("in-memory-set", "no-dedup"), (memory, none)) == "day3#twice"
    assert (
        to_read(behaviour, ("in-memory-set", "no-dedup"), (memory, replace(none, read="day3#memory"))) == "day3#memory"
    )
    assert to_read(behaviour, (), (memory, none)) == "day3#twice"


def test_titles_of_what_was_named() -> None:
    assert titles(CONSUMER.findings, WRONG) == CONSUMER.misconceptions
