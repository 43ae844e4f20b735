"""What Monday claims is so each time that it is played."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.playing import play

SHAPES = pytest.mark.parametrize("shape", ["monolith", "modular"])


@SHAPES
def test_a_payment_is_no_call_over_the_network(tmp_path: Path, shape: str) -> None:
    played = play(tmp_path, "day1", "crud", shape=shape)
    assert played.answers == [0]
    assert played.measure("failed") == 0
    assert float(played.measure("paid")) > 10
    assert played.measure("lost_debits") == 0


@SHAPES
def test_a_slow_report_slows_everybody(tmp_path: Path, shape: str) -> None:
    played = play(tmp_path, "day1", "slow-report", shape=shape)
    assert played.answers == ["slower"]
    assert float(played.measure("report")) > 0.5


@SHAPES
def test_a_deploy_stops_all_of_it(tmp_path: Path, shape: str) -> None:
    played = play(tmp_path, "day1", "deploy", shape=shape)
    assert played.answers == ["yes"]
    assert 0 < float(played.measure("gap")) < 8
    assert 0 < float(played.measure("failed")) < float(played.measure("requests")) / 3


@SHAPES
@pytest.mark.parametrize("naive", ["off", "on"])
def test_one_transaction_loses_no_debit_and_two_do(tmp_path: Path, shape: str, naive: str) -> None:
    played = play(tmp_path, "day1", "one-transaction", shape=shape, **({"naive": "on"} if naive == "on" else {}))
    assert float(played.measure("paid", 3)) >= 35
    (lost,) = played.answers
    assert (float(lost) > 0) is (naive == "on")


@SHAPES
def test_mails_in_memory_die_with_the_process(tmp_path: Path, shape: str) -> None:
    played = play(tmp_path, "day1", "lost-notification", shape=shape)
    assert played.answers == ["lost"]
    assert 0 < float(played.measure("unmailed")) < float(played.measure("registered"))


def test_both_shapes_answer_alike_and_stand_side_by_side(tmp_path: Path) -> None:
    played = play(tmp_path, "day1", "side-by-side")
    assert played.answers == ["same"]
    assert all(float(played.measure(f"gap_{shape}")) > 0 for shape in ("monolith", "modular"))
    assert min(float(played.measure(f"slower_{shape}")) for shape in ("monolith", "modular")) > 1.5
    assert float(played.measure("entangled_monolith")) > 0
    assert played.measure("walls_modular") == "notifications→users, orders→users"
