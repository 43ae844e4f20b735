"""What Wednesday claims is so each time that it is played, on either broker and with either saga."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.playing import Played, play

FORMS = pytest.mark.parametrize(
    ("broker", "saga"),
    [("rabbitmq", "choreography"), ("kafka", "orchestration")],
)


def nothing_is_lost_or_doubled(played: Played) -> None:
    assert float(played.measure("orders")) > 20
    assert played.measure("failed") == played.measure("doubled") == played.measure("kept") == 0


@FORMS
def test_a_conductor_costs_messages(tmp_path: Path, broker: str, saga: str) -> None:
    played = play(tmp_path, "day3", "happy", broker=broker, saga=saga)
    way = str(played.measure("path")).split(", ")
    assert played.answers == [len(way)]
    facts = ["order.created", "payment.approved", "order.confirmed"]
    assert [step for step in way if step in facts] == facts
    commands = {"payment.charge", "order.confirm", "mail.send"}
    assert commands & set(way) == (commands if saga == "orchestration" else set())
    assert len(way) == (7 if saga == "orchestration" else 3)
    nothing_is_lost_or_doubled(played)


@pytest.mark.timeout(120)
def test_a_dead_orchestrator_is_a_delay_and_goes_on_where_each_saga_stood(tmp_path: Path) -> None:
    played = play(tmp_path, "day3", "orchestrator-dies")
    assert played.answers == ["late", 0]
    assert played.measure("deaths") == 3
    assert float(played.measure("under_way")) >= 1
    assert float(played.measure("slowest")) > 5  # so long it was away
    assert played.measure("pending") == played.measure("unfinished") == 0
    nothing_is_lost_or_doubled(played)


@pytest.mark.timeout(120)
def test_a_killed_member_costs_a_session_timeout_and_a_leaving_one_does_not(tmp_path: Path) -> None:
    played = play(tmp_path, "day3", "rebalance")
    (killed, left) = played.answers
    assert float(killed) > 5
    assert left == "shorter"
    assert float(played.measure("most_lag")) > 10
    assert float(played.measure("redelivered")) > 0
    owners = str(played.measure("owners"))
    assert sorted(part for part in owners.replace(",", "").split() if part.isdigit()) == ["0", "1", "2", "3"]
    assert "payments-1" in owners
    assert "payments-2" in owners
    assert played.measure("pending") == 0
    nothing_is_lost_or_doubled(played)


@FORMS
@pytest.mark.timeout(120)
def test_later_things_that_arrive_first_leave_nobody_charged(tmp_path: Path, broker: str, saga: str) -> None:
    played = play(tmp_path, "day3", "out-of-order", broker=broker, saga=saga)
    retried, keyed = map(float, played.answers)
    assert retried == 6  # whatever keeps an order by keys, what is tried again loses its place
    assert (keyed == 0) is (broker == "kafka")
    assert played.measure("changed") == 8
    nothing_is_lost_or_doubled(played)


@FORMS
def test_what_comes_twice_is_done_once(tmp_path: Path, broker: str, saga: str) -> None:
    played = play(tmp_path, "day3", "duplicate-delivery", broker=broker, saga=saga)
    assert float(played.measure("redelivered")) > 0
    if broker == "kafka":
        assert played.answers == [0]
    assert played.measure("charged_twice") == played.measure("mailed_twice") == played.measure("pending") == 0
    nothing_is_lost_or_doubled(played)


@FORMS
@pytest.mark.timeout(120)
def test_a_broker_that_is_away_is_a_delay(tmp_path: Path, broker: str, saga: str) -> None:
    played = play(tmp_path, "day3", "broker-restart", broker=broker, saga=saga)
    assert played.answers == [0]
    assert float(played.measure("slowest")) > 3
    assert float(played.measure("orders")) > 20
    assert played.measure("doubled") == played.measure("pending") == 0
