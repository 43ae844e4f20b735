"""Delta debugging: what is found fails, and nothing of it can be left out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from lab.faults.shrink import shrinking

Numbers = tuple[int, ...]


def fewest(items: Numbers, fails: Callable[[Numbers], bool]) -> tuple[Numbers, list[Numbers]]:
    """What is found, and every candidate that was tried, one after the other."""
    search, tried = shrinking(items), list[Numbers]()

    def first_failing(candidates: list[Numbers]) -> Numbers | None:
        for one in candidates:
            tried.append(one)
            if fails(one):
                return one
        return None

    try:
        candidates = next(search)
        while True:
            candidates = search.send(first_failing(candidates))
    except StopIteration as end:
        return end.value, tried


@st.composite
def guilty(draw: st.DrawFn) -> tuple[Numbers, set[int]]:
    """Some items, and those of them that fail together."""
    items = tuple(range(draw(st.integers(0, 24))))
    return items, set(draw(st.lists(st.sampled_from(items), max_size=4))) if items else set()


@given(guilty())
def test_of_faults_that_fail_together_exactly_these_are_found(case: tuple[Numbers, set[int]]) -> None:
    items, culprits = case
    found, _ = fewest(items, lambda some: culprits <= set(some))
    assert found == tuple(sorted(culprits))


@given(st.integers(1, 12), st.randoms(use_true_random=False))
def test_whatever_fails_what_is_found_fails_and_none_of_it_can_be_left_out(count: int, luck: object) -> None:
    verdicts: dict[Numbers, bool] = {}
    items = tuple(range(count))

    def fails(some: Numbers) -> bool:
        return some == items or verdicts.setdefault(some, luck.random() < 0.3)  # type: ignore[attr-defined]

    found, _ = fewest(items, fails)
    assert fails(found)
    for left_out in found:
        rest = tuple(one for one in found if one != left_out)
        assert not fails(rest)


@given(guilty())
def test_nothing_is_tried_twice_and_the_order_stays(case: tuple[Numbers, set[int]]) -> None:
    items, culprits = case
    _, asked = fewest(items, lambda some: culprits <= set(some))
    failed = [some for some in asked if not culprits <= set(some)]
    assert len(failed) == len(set(failed))
    assert all(some == tuple(sorted(some)) for some in asked)
    assert len(asked) <= len(items) ** 2 + 3 * len(items) + 1


def test_the_first_question_is_whether_it_fails_with_none_at_all() -> None:
    search = shrinking("abcd")
    assert next(search) == [(), ("a", "b"), ("c", "d")]


def test_one_culprit_of_twelve_is_found_in_a_few_rounds() -> None:
    search, rounds = shrinking(range(12)), list[list[Numbers]]()
    found: list[Numbers] = []
    candidates = next(search)
    with suppress(StopIteration):
        while True:
            rounds.append(candidates)
            found += [one for one in candidates if 7 in one][:1]
            candidates = search.send(next((one for one in candidates if 7 in one), None))
    assert found[-1] == (7,)
    assert len(rounds) <= 5
