"""A schedule and its text form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.faults.schedule import InvalidSchedule, Planned, Schedule, must_fit, parse
from lab.system.model import CLIENT, Engine, Link, Service, System

SYSTEM = System(
    name="shop",
    services=(Service(name="orders", module="orders"), Service(name="payments", module="payments")),
    engines=(Engine(name="amqp", kind="amqp"),),
    links=(
        Link(source=CLIENT, target="orders", protocol="http"),
        Link(source="orders", target="payments", protocol="http"),
        Link(source="orders", target="amqp", protocol="amqp"),
    ),
)
FAULTS = ("kill payments", "latency orders->payments 300ms for 3s", "redeliver orders->amqp 10% for 8s")


def test_lines_in_any_order_with_remarks_become_a_schedule_in_the_order_of_time() -> None:
    schedule = parse(
        """
        # what a learner writes
        at 3.5 s: kill payments

        At 2s: latency orders:payments 300ms for 3s
        """
    )
    assert [(one.at, one.fault) for one in schedule] == [
        (2.0, "latency orders->payments 300ms for 3s"),
        (3.5, "kill payments"),
    ]
    assert str(schedule) == "at 2s: latency orders->payments 300ms for 3s\nat 3.5s: kill payments\n"
    assert schedule.seconds == 5.0


@given(st.lists(st.tuples(st.integers(0, 600_000).map(lambda ms: ms / 1000), st.sampled_from(FAULTS))))
def test_what_is_printed_is_read_as_the_same(faults: list[tuple[float, str]]) -> None:
    schedule = Schedule.of(faults)
    assert parse(str(schedule)) == schedule
    assert [one.at for one in schedule] == sorted(at for at, _ in faults)


def test_every_line_that_is_none_is_told_with_its_number() -> None:
    with pytest.raises(InvalidSchedule) as problem:
        parse("at 2s: kil payments\n\nkill payments\nat 3: kill payments\nat 1s: kill payments")
    first, second, third = str(problem.value).splitlines()
    assert first.startswith("line 1: ")
    assert "kill" in first
    assert second.startswith("line 3: expected a second and a fault")
    assert third.startswith("line 4: ")
    assert "3s" in third


def test_some_of_its_faults_are_chosen_by_their_numbers() -> None:
    schedule = Schedule.of(zip((4, 2, 6), FAULTS, strict=True))
    assert schedule.only([3, 1]) == Schedule((schedule.faults[0], schedule.faults[2]))
    assert schedule.only([]) == Schedule()
    assert Schedule().seconds == 0
    with pytest.raises(InvalidSchedule, match="no fault 4"):
        schedule.only([2, 4])


def test_what_does_not_fit_the_system_is_told_by_its_line() -> None:
    fitting = Schedule.of(zip((1, 2, 3), FAULTS, strict=True))
    assert must_fit(fitting, SYSTEM) == fitting
    with pytest.raises(InvalidSchedule) as problem:
        must_fit(Schedule.of([(1, "kill paymets"), (2, "kill orders"), (3, "miss orders->amqp")]), SYSTEM)
    first, second = str(problem.value).splitlines()
    assert first.startswith("at 1s: kill paymets: ")
    assert "payments" in first
    assert second.startswith("at 3s: miss orders->amqp")


def test_when_a_fault_is_over() -> None:
    assert Planned(2.0, "kill payments").over == 2.0
    assert Planned(2.0, "blackhole orders->amqp for 1500ms").over == 3.5
