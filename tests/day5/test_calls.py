"""The protections by themselves: what they let through, and what they remember."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from unittest.mock import Mock

import httpx
import pytest

from lab.chassis.settings import SettingsError
from lab.day5_resilience.calls.breaker import Breaker, CircuitOpen, Failure
from lab.day5_resilience.calls.budget import Budget
from lab.day5_resilience.calls.bulkhead import Bulkhead, Full
from lab.day5_resilience.calls.neighbour import Neighbour
from lab.day5_resilience.calls.protections import Protections
from lab.day5_resilience.calls.retry import Policy, Trouble, retrying
from lab.day5_resilience.calls.retry_after import retry_after
from lab.neighbours.stub import Reply, Seen, problem
from lab.neighbours.stub.deeds import Rest
from lab.neighbours.users import Users

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
    return Breaker(lambda state, _: states.append(state), window=4, reset=RESET)


def test_it_opens_probes_once_and_closes() -> None:
    states: list[str] = []
    guard = breaker(states)
    assert [ended(guard, fails) for _ in range(6)] == ["failed"] * 4 + ["open"] * 2
    time.sleep(RESET)  # its clock is the subject
    assert [ended(guard, fails), ended(guard, fails)] == ["failed", "open"]
    time.sleep(RESET)
    assert [ended(guard, well), ended(guard, well)] == ["well", "well"]
    assert states == ["closed", "open", "half-open", "open", "half-open", "closed"]


def test_each_change_has_its_reason() -> None:
    reasons: list[str] = []
    guard = Breaker(lambda _, why: reasons.append(why), window=4, reset=RESET)
    for _ in range(4):
        ended(guard, fails)
    time.sleep(RESET)
    ended(guard, fails)
    time.sleep(RESET)
    ended(guard, well)
    waited = "0.2 s are over"
    assert reasons[1:] == ["4 of the last 4 failed", waited, "a probe failed", waited, "a probe went well"]


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


def headers(**values: str) -> httpx.Response:
    return httpx.Response(503, headers={name.replace("_", "-"): value for name, value in values.items()})


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (headers(), 0.0),
        (headers(Retry_After="2"), 2.0),
        (headers(Retry_After=" 120 "), 120.0),
        (headers(Retry_After="Fri, 27 Nov 2026 10:00:05 GMT", Date="Fri, 27 Nov 2026 10:00:02 GMT"), 3.0),
        (headers(Retry_After="Friday, 27-Nov-26 10:00:05 GMT", Date="Fri, 27 Nov 2026 10:00:02 GMT"), 3.0),
        (headers(Retry_After="Fri, 27 Nov 2026 10:00:05 GMT", Date="Fri, 27 Nov 2026 10:00:09 GMT"), 0.0),
        (headers(Retry_After="Fri, 27 Nov 2015 10:00:05 GMT"), 0.0),
        (headers(Retry_After="-3"), 0.0),
        (headers(Retry_After="1.5"), 0.0),
        (headers(Retry_After="soon"), 0.0),
    ],
)
def test_when_to_come_again_is_said_in_seconds_or_as_a_date(answer: httpx.Response, seconds: float) -> None:
    assert retry_after(answer) == seconds


def test_a_date_is_measured_by_our_clock_if_the_answer_has_none() -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 50 < retry_after(headers(Retry_After=until)) <= 60


@pytest.mark.parametrize("asked", ["1", "date"])
def test_a_neighbour_is_asked_again_when_it_wants_to_be(asked: str) -> None:
    def words(_: Seen) -> Mapping[str, str]:
        now = datetime.now(UTC)
        in_a_second = format_datetime(now.replace(microsecond=0) + timedelta(seconds=1), usegmt=True)
        return {"Retry-After": asked if asked == "1" else in_a_second, "Date": format_datetime(now, usegmt=True)}

    users = Users()
    users.open()
    users.furnish()
    try:

        async def busy(seen: Seen, _: Rest) -> Reply:
            return problem(429, headers=words(seen))

        users.will(busy, times=1)
        neighbour = Neighbour("users", f"http://127.0.0.1:{users.port}", Protections(), attempts=4)
        assert neighbour.get("/users/1").json()["id"] == "1"
        neighbour.close()
        first, second = users.seen
        assert second.at - first.at >= 0.95
    finally:
        users.close()


def test_who_obeys_the_same_retry_after_does_not_come_back_together() -> None:
    asked = Trouble("status 503", retry_after=1.0)

    def pauses(policy: Policy) -> set[float]:
        state = Mock(attempt_number=3, outcome=Mock(exception=lambda: asked))
        return {policy.pause(state) for _ in range(50)}

    spread = pauses(Policy(base=0.1))
    assert all(1.0 <= pause <= 1.4 for pause in spread)
    assert max(spread) - min(spread) > 0.2
    assert pauses(Policy(base=0.1, jitter=False)) == {1.4}
