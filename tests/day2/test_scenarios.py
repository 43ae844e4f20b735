"""What Tuesday claims is so each time that it is played."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.playing import Played, play

PROTOBUF = pytest.mark.skipif(not all(map(find_spec, ("grpc", "google"))), reason="the extra grpc is not installed")
TRANSPORTS = pytest.mark.parametrize("transport", ["rest", "broker", pytest.param("grpc", marks=PROTOBUF)])


def number(played: Played, name: str, since: float = 0.0) -> float:
    return float(played.measure(name, since))


@TRANSPORTS
def test_what_was_a_function_call_on_monday_is_two_calls_over_the_network(tmp_path: Path, transport: str) -> None:
    played = play(tmp_path, "day2", "crud", transport=transport)
    assert played.answers == [2]
    assert number(played, "failed") == 0
    assert number(played, "order_ms") > 0


@TRANSPORTS
def test_only_what_needs_users_fails_without_users(tmp_path: Path, transport: str) -> None:
    played = play(tmp_path, "day2", "isolation", transport=transport)
    assert played.answers == ["needs"]
    assert number(played, "failed_reads") == 0
    assert number(played, "reads") > 20
    assert number(played, "refused") > 5
    assert number(played, "degraded") > 5
    assert number(played, "failed_pages") == 0
    assert number(played, "unreadable") == 0
    assert abs(number(played, "up_orders", 8) - number(played, "product", 8)) < 15
    assert number(played, "failed", 24) == 0


@TRANSPORTS
def test_slow_users_look_dead_and_those_who_wait_look_slow(tmp_path: Path, transport: str) -> None:
    played = play(tmp_path, "day2", "cascade", transport=transport)
    assert played.answers == ["users"]
    assert number(played, "slow_orders") > 3
    assert number(played, "slow_gateway") > 3
    assert number(played, "failed_reads") == 0
    assert 0.9 < number(played, "slowest") < 4
    assert number(played, "failed", 24) <= 2
    assert number(played, "calls_per_page", 24) == 2


@pytest.mark.parametrize(("compose", "calls"), [("batch", 2), ("one-by-one", 21)])
def test_a_page_is_two_calls_or_one_for_each_order(tmp_path: Path, compose: str, calls: int) -> None:
    played = play(tmp_path, "day2", "n-plus-one", compose=compose)
    assert played.answers == [calls]
    assert number(played, "failed") == 0
    assert (number(played, "page_ms", 17) > 20 * 50) is (compose == "one-by-one")


@TRANSPORTS
def test_a_new_version_goes_out_and_nobody_notices(tmp_path: Path, transport: str) -> None:
    played = play(tmp_path, "day2", "independent-deploy", transport=transport)
    assert played.answers == ["no"]
    assert number(played, "failed") == 0
    assert number(played, "by_version_1") > 20
    assert number(played, "by_version_2") > 20


@pytest.mark.parametrize(("contract", "broken"), [("broken", "pages"), ("kept", "nobody")])
def test_a_renamed_field_breaks_who_reads_it(tmp_path: Path, contract: str, broken: str) -> None:
    played = play(tmp_path, "day2", "contract-break", contract=contract)
    assert played.answers == [broken]
    assert (number(played, "unreadable") > 10) is (contract == "broken")
    assert number(played, "refused") == 0
    assert number(played, "degraded") == 0
    assert number(played, "by_version_2") > 20
