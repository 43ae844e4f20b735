"""The protections by themselves: what they let through, and what they remember."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab.chassis.settings import SettingsError
from lab.day5_resilience.calls.breaker import Breaker, CircuitOpen, Failure
from lab.day5_resilience.calls.budget import Budget
from lab.day5_resilience.calls.bulkhead import Bulkhead, Full
from lab.day5_resilience.calls.protections import Protections
from lab.day5_resilience.calls.retry import Policy, Trouble, retrying

RESET = 0.2


def fails() -> str:
    raise Failure


def well() -> str:
    return "well"


def ended(breaker: Breaker, work: Callable[[], str]) -> str:
    try:
        return breaker.call(work)
    except Failure:
        return "failed"
    except CircuitOpen:
        return "open"


def breaker(states: list[str]) -> Breaker:
    return Breaker(states.append, window=4, reset=RESET)


def test_it_opens_probes_once_and_closes() -> None:
    states: list[str] = []
    guard = breaker(states)
    assert [ended(guard, fails) for _ in range(6)] == ["failed"] * 4 + ["open"] * 2
    time.sleep(RESET)  # its clock is the subject
    assert [ended(guard, fails), ended(guard, fails)] == ["failed", "open"]
    time.sleep(RESET)
    assert [ended(guard, well), ended(guard, well)] == ["well", "well"]
    assert states == ["closed", "open", "half-open", "open", "half-open", "closed"]


def test_an_error_of_our_own_says_nothing_of_the_neighbour() -> None:
    states: list[str] = []
    guard = breaker(states)
    for _ in range(10):
        with pytest.raises(ZeroDivisionError):
            guard.call(lambda: str(1 // 0))
    assert states == ["closed"]


def test_calls_run_side_by_side_and_only_one_probes() -> None:
    guard = breaker([])
    together = threading.Barrier(5, timeout=5)

    def meets() -> str:
        together.wait()
        return "well"

    with ThreadPoolExecutor(5) as threads:
        assert list(threads.map(lambda _: ended(guard, meets), range(5))) == ["well"] * 5
        for _ in range(4):
            ended(guard, fails)
        time.sleep(RESET)
        probing, over = threading.Event(), threading.Event()

        def waits() -> str:
            probing.set()
            assert over.wait(5)
            return "well"

        probe = threads.submit(ended, guard, waits)
        assert probing.wait(5)
        assert ended(guard, well) == "open"
        over.set()
        assert probe.result() == "well"


def test_news_from_before_a_change_is_no_news() -> None:
    states: list[str] = []
    guard = breaker(states)
    begun, over = threading.Event(), threading.Event()

    def late() -> str:
        begun.set()
        assert over.wait(5)
        return "well"

    with ThreadPoolExecutor(1) as threads:
        old = threads.submit(ended, guard, late)
        assert begun.wait(5)
        for _ in range(4):
            ended(guard, fails)
        over.set()
        assert old.result() == "well"
    assert states == ["closed", "open"]


def test_a_budget_ends_where_retries_do_not_help() -> None:
    budget, made = Budget(reserve=5), []

    def in_vain() -> str:
        made.append(1)
        raise Trouble("status 503")

    policy = Policy(attempts=4, base=0.0001)
    for _ in range(20):
        with pytest.raises(Trouble):
            retrying(policy, budget, in_vain)
    assert len(made) == 25


def test_a_budget_lasts_where_they_do() -> None:
    budget, made = Budget(reserve=5), []

    def every_other() -> str:
        made.append(1)
        if len(made) % 2:
            raise Trouble("status 503")
        return "well"

    assert [retrying(Policy(attempts=2, base=0.0001), budget, every_other) for _ in range(50)] == ["well"] * 50


def test_what_does_not_pass_is_not_tried_again_and_no_pause_is_too_long() -> None:
    made: list[int] = []

    def says(trouble: Trouble) -> Callable[[], str]:
        def work() -> str:
            made.append(1)
            raise trouble

        return work

    for trouble in (Trouble("status 500", passing=False), Trouble("status 503", retry_after=60)):
        with pytest.raises(Trouble):
            retrying(Policy(attempts=4), None, says(trouble))
    assert len(made) == 2


def test_slots_come_back_whatever_becomes_of_the_call() -> None:
    bulkhead = Bulkhead(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), bulkhead.slot():
            _ = 1 // 0
    with bulkhead.slot(), pytest.raises(Full), bulkhead.slot():
        pass
    assert bulkhead.taken == 0


def test_only_what_there_is_can_be_switched_off() -> None:
    assert Protections.without("retry-budget, jitter") == Protections(retry_budget=False, jitter=False)
    with pytest.raises(SettingsError, match="umbrella"):
        Protections.without("umbrella")
