"""What Saturday claims is so each time that it is played."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.journal.event import Log
from tests.playing import Played, play


def number(played: Played, name: str, since: float = 0.0) -> float:
    return float(played.measure(name, since))


def outcomes_of_calls(played: Played, neighbour: str, since: float, until: float) -> set[str]:
    """What the gateway says of its calls of `neighbour` in this stretch of the scenario, in seconds."""
    began = played.notes("scenario")[0].t
    lines = [line for line in played.events if isinstance(line, Log) and line.source == "gateway"]
    told = [line for line in lines if line.event == "call" and since <= line.t - began < until]
    return {str(line.data["outcome"]) for line in told if line.data["neighbour"] == neighbour}


def nobody_noticed(played: Played) -> None:
    """Nothing failed, nothing was lost, and nothing was done twice or left undone."""
    assert number(played, "failed") == 0
    assert number(played, "lost") == 0
    assert number(played, "doubled") == 0
    assert number(played, "unpaid") == 0


def test_users_and_orders_move_out_and_nobody_notices(tmp_path: Path) -> None:
    played = play(tmp_path, "day6", "strangle")
    assert played.answers == [0, "no", 0]
    nobody_noticed(played)
    assert number(played, "registered") > 10
    assert number(played, "ordered") > 10
    assert number(played, "compared") > 20
    assert number(played, "different") == 0
    assert number(played, "copied") > 0
    assert number(played, "by_new", 22) > 60
    assert number(played, "by_legacy", 22) == 0
    assert number(played, "orders_by_new", 36) > 20
    assert number(played, "orders_by_legacy", 36) == 0


def test_the_way_back_is_one_row_and_loses_nobody(tmp_path: Path) -> None:
    played = play(tmp_path, "day6", "rollback")
    assert played.answers == ["users", 0, "answers"]
    assert 5 < number(played, "failed") < number(played, "requests") / 2
    assert number(played, "failed_others") == 0
    assert number(played, "lost") == 0
    assert number(played, "failed", 23) <= 1  # a write that was under way when the port closed
    assert number(played, "instead", 38) > 10
    # "open" is what a call is told that comes while the breaker tries whether the service is back.
    assert outcomes_of_calls(played, "users", 33, 38) <= {"ok", "open"}


@pytest.mark.parametrize(("broker", "transport"), [("rabbitmq", "rest"), ("kafka", "grpc")])
def test_an_order_passes_through_everything_and_an_outage_of_the_broker_only_delays_it(
    tmp_path: Path, broker: str, transport: str
) -> None:
    played = play(tmp_path, "day6", "order-flow", broker=broker, transport=transport)
    assert played.answers == ["no", 5]
    nobody_noticed(played)
    assert number(played, "hands") >= 8
    assert number(played, "answer_ms") < number(played, "mailed_ms")
    assert 0 < number(played, "paid_ms") < number(played, "mailed_ms")
    assert number(played, "checkouts") == number(played, "confirmed") == 6
    assert number(played, "slowest", 20) > 3


def test_without_its_cache_the_shop_is_slower_and_no_more_than_that(tmp_path: Path) -> None:
    played = play(tmp_path, "day6", "cache-loss")
    assert played.answers[0] == "slower"
    assert float(played.answers[1]) <= 6  # of sixty
    nobody_noticed(played)
    assert number(played, "fans") == 150
    assert number(played, "star_reads") < number(played, "fans") / 5
