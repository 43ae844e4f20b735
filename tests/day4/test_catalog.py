"""What the catalog is made of, and which settings go together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from lab.course import days
from lab.day4_cache.catalog.flights import Flights
from lab.system.refusal import Refusal


def test_one_flies_and_the_others_wait_for_that() -> None:
    flights, go, begun, flown = Flights[int](single=True), Event(), Event(), list[int]()

    def work() -> int:
        begun.set()
        go.wait(5)
        flown.append(1)
        return 7

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(flights.fetch, "a", work)
        assert begun.wait(5)
        others = [pool.submit(flights.fetch, "a", work) for _ in range(7)]
        assert flights.fetch("b", lambda: 9) == 9  # another key waits for nobody
        go.set()
        assert [one.result(5) for one in (first, *others)] == [7] * 8
    assert len(flown) < 8


def test_an_error_reaches_all_who_wait_and_is_not_kept() -> None:
    flights = Flights[int](single=True)
    with pytest.raises(ZeroDivisionError):
        flights.fetch("a", lambda: 1 // 0)
    assert flights.fetch("a", lambda: 1) == 1


def test_nobody_joins_a_flight_that_was_overtaken() -> None:
    flights, go, begun = Flights[int](single=True), Event(), Event()

    def old() -> int:
        begun.set()
        go.wait(5)
        return 1

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(flights.fetch, "a", old)
        assert begun.wait(5)
        flights.part("a")
        assert flights.fetch("a", lambda: 2) == 2
        go.set()
        assert first.result(5) == 1


def test_settings_that_do_not_go_together_are_refused() -> None:
    day = days.find("day4")
    with pytest.raises(Refusal, match="write-through"):
        days.system(day, {"strategy": "write-through", "invalidate": "before"})
    usual, made = (days.system(day, chosen).service("catalog") for chosen in ({}, {"without": "jitter,negative"}))
    assert usual is not None
    assert made is not None
    assert made.env == {**usual.env, "JITTER": "0", "NEG_TTL_S": "0"}
